"""Publish the same votes to two versions of the code, on copies of one log, and compare.

    python infra/checks/publishing_agrees.py BEFORE AFTER [VOTES]

names two folders that hold a checkout, and the number of votes of each kind. Rows, but for the
clock of recording and sealed words, and all answers, but for the words of problems, must be
equal. Two services take the requests by turns, so that each decides upon streams that the other has
changed since. It is done on SQLite, and on PostgreSQL.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import asyncpg

KINDS = (
    "ascii", "scripts", "times", "repeats", "changes", "nullified", "erased", "private", "up-only",
    "removed", "self", "moved", "source", "mixed",
)  # fmt: skip
PLACES = {"private": 3, "up-only": 4, "removed": 1, "moved": 6}
"""Discussion in which nine of ten votes of a kind are."""
VOTES = 2_000
BATCH_EVENTS = 500
LINES = 100
"""Lines of a request: so few arrive at once. More would be cut into batches by their timing."""
SINGLES = 60
SECRET = "a secret of the benches, which is long enough"  # noqa: S105  # of a service that ends
BATCHED, BY_LINE, STRUCTURED = (
    "application/cloudevents-batch+json",
    "application/x-ndjson",
    "application/cloudevents+json",
)
TIMES = (
    None, "2026-03-01T00:00:00+05:30", "2026-03-01T00:00:00.123456789Z", "2026-03-01t00:00:00z",
    "2026-02-30T00:00:00Z", "2999-01-01T00:00:00Z",
)  # fmt: skip
TEXTS = ("日本", "é", 'q"x', "b\\s", "tab ", "Ω")

WORDS = re.compile(r',"(?:detail|title)":"(?:[^"\\]|\\.)*"')

Event = dict[str, Any]
Copies = tuple[str, Callable[[int], str]]
"""URL of a database, and what makes the URL of a numbered copy of it."""
Store = Callable[[Path], AbstractContextManager[Copies]]


def event(kind: str, name: str, time: str | None = "2026-01-01T00:00:00Z", **data: Any) -> Event:
    made: Event = {"specversion": "1.0", "type": kind, "source": "urn:cms", "id": name}
    return made | ({"time": time} if time else {}) | {"data": {"site": "news", **data}}


def setting() -> list[Event]:
    """Return discussions, comments, a move, removals and an erasure."""
    settings = {3: {"private": True}, 4: {"voting": "up"}, 5: {"self_votes": True}}
    events = [
        event("discussion.opened", f"d{n}", resource=f"/{n}", settings=settings.get(n))
        for n in range(10)
    ]
    for n in range(60):
        author = {"id": f"a{n % 7}", "name": "A"}
        place = {"resource": f"/{n % 10}", "comment": f"c{n}"}
        events.append(event("comment.posted", f"c{n}", **place, author=author, body="W."))
    events.append(event("discussion.moved", "moved", resource="/6", to="/moved"))
    events += [
        event("comment.removed", f"r{n}", resource=f"/{n % 10}", comment=f"c{n}")
        for n in (1, 11, 21)
    ]
    return [*events, event("person.erased", "erased", person="v3")]


def votes(random: Random, kind: str, many: int) -> list[Event]:
    """Return votes of one kind, with what belongs to it."""
    found = []
    names = many // 3 if kind == "repeats" else many
    for number in range(many):
        comment, voter = random.randrange(64), f"v{random.randrange(400)}"
        if kind in PLACES and random.random() < 0.9:
            comment = comment // 10 * 10 + PLACES[kind]
        elif kind == "changes":
            comment, voter = comment % 8, f"v{random.randrange(8)}"
        elif kind == "erased":
            voter = f"v{random.randrange(2, 5)}"
        time: str | None = (
            f"2026-0{random.randrange(1, 10)}-11T00:00:00.{random.randrange(10**6):06}Z"
        )
        resource = "/moved" if kind == "moved" and comment % 10 == 6 else f"/{comment % 10}"
        if kind == "self":
            voter = f"a{random.randrange(7)}"
        elif kind == "scripts":
            voter = f"{random.choice(TEXTS)}{random.randrange(200)}"
        elif kind == "times":
            time = random.choice(TIMES)
        place = {"resource": resource, "comment": f"c{comment}"}
        name = f"{kind}{random.randrange(names)}"
        value = random.choice([1, 1, 1, -1, 0])
        found.append(event("vote.cast", name, time, **place, voter=voter, value=value))
        if kind == "source":
            found[-1]["source"] = random.choice(["urn:a", "urn:b", "x y", "%zz"])
        if kind == "nullified" and number % 7 == 0:
            ruling = {**place, "voter": voter, "by": "mia", "reason": "x"}
            type_ = random.choice(["vote.nullified", "vote.restored"])
            found.append(event(type_, f"n{number}", time, **ruling))
        if kind == "erased" and number % 97 == 0:
            type_ = random.choice(["person.erased", "person.returned"])
            found.append(event(type_, f"e{number}", time, person=voter))
        if kind == "removed" and number % 31 == 0:
            type_ = random.choice(["comment.removed", "comment.restored"])
            found.append(event(type_, f"c{number}", time, **place))
        if kind == "mixed" and number % 50 == 0:
            type_ = random.choice(["discussion.closed", "discussion.reopened"])
            found.append(event(type_, f"m{number}", time, resource=resource))
    return found


async def work(url: str, many: int) -> str:
    """Publish by the version that is imported; return the rows and answers as JSON.

    Begin the log if `many` is 0.
    """
    from contextlib import AsyncExitStack

    from aiohttp.test_utils import TestClient, TestServer

    import rostra_adapters
    from rostra.times import Time
    from rostra_adapters.http import HttpSettings, make_app
    from rostra_adapters.http.auth.tokens import sign

    bearer = sign(SECRET, scope="publish admin", site="*", person="cms")
    now = Time("2026-12-31T00:00:00.000000Z")
    async with AsyncExitStack() as services:

        async def serve() -> tuple[rostra_adapters.App, TestClient[Any, Any]]:
            opening = rostra_adapters.open(url, master_key=bytes(range(32)), project=False)
            app = await services.enter_async_context(opening)
            application = make_app(app, HttpSettings(secret=SECRET), now=lambda: now)
            server = TestServer(application)
            return app, await services.enter_async_context(TestClient(server))

        async def post(body: str, kind: str) -> tuple[int, Any]:
            clients.reverse()
            headers = {"Authorization": f"Bearer {bearer}", "Content-Type": kind}
            url = "/v1/events"
            async with clients[0].post(url, data=body.encode(), headers=headers) as it:
                text = WORDS.sub("", await it.text())
            return it.status, json.loads(text).get("results") if kind == BATCHED else text

        app, client = await serve()
        clients = [client]
        if not many:
            await post(json.dumps(setting()), BATCHED)
            return ""
        clients.append((await serve())[1])
        answers = []
        for kind in KINDS:
            cast = votes(Random(kind), kind, many)
            for start in range(0, len(cast), BATCH_EVENTS):
                part = cast[start : start + BATCH_EVENTS]
                if start // BATCH_EVENTS % 3 == 2:
                    for first in range(0, len(part), LINES):
                        lines = map(json.dumps, part[first : first + LINES])
                        answers.append(await post("\n".join(lines), BY_LINE))
                else:
                    answers.append(await post(json.dumps(part, ensure_ascii=False), BATCHED))
            answers += [await post(json.dumps(one), STRUCTURED) for one in cast[:SINGLES]]
        rows = []
        for row in await app.log.read_after(0, 10**7):
            metadata, state = json.loads(row.metadata or "{}"), json.loads(row.state)
            metadata.pop("at", None)
            state.pop("personal", None)
            about = [str(row.stream), row.version, row.topic, str(row.event_id)]
            rows.append([row.position, *about, json.dumps(state), metadata])
    return json.dumps({"rows": rows, "answers": answers})


def run(folder: str, url: str, to: Path, many: int) -> None:
    """Let a version publish, and write what it recorded and answered to a file."""
    paths = [str(Path(folder).resolve() / part) for part in ("domain", "projections", "adapters")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    arguments = [sys.executable, __file__, "--work", url, str(to), str(many)]
    subprocess.run(arguments, env=environment, check=True)


@contextmanager
def sqlite(data: Path) -> Iterator[Copies]:
    """Copy files."""
    one = data / "one.db"

    def copy(number: int) -> str:
        made = data / f"copy-{number}.db"
        for suffix in ("", "-wal"):
            if (written := one.with_name(one.name + suffix)).exists():
                shutil.copy(written, made.with_name(made.name + suffix))
        return f"sqlite:{made}"

    yield f"sqlite:{one}", copy


@contextmanager
def postgresql(data: Path) -> Iterator[Copies]:
    """Copy databases of a server that ends with the block."""
    from rostra_adapters.local_postgres import lease

    data.chmod(0o755)
    server = lease.start(data / "server", durable=False)

    def make(name: str, how: str = "") -> str:
        async def ask() -> None:
            connection = await asyncpg.connect(server.url)
            await connection.execute(f"create database {name} {how}")
            await connection.close()

        asyncio.run(ask())
        return urlsplit(server.url)._replace(path=f"/{name}").geturl()

    try:
        yield make("one"), lambda number: make(f"copy_{number}", "template one")
    finally:
        server.release()


def compare(folders: Sequence[str], many: int, store: Store) -> bool:
    """Return whether both versions record and answer the same."""
    with TemporaryDirectory() as data, store(Path(data)) as (one, copy):
        found = []
        run(folders[0], one, Path(data) / "nothing", 0)
        for number, folder in enumerate(folders):
            to = Path(data) / f"found-{number}"
            run(folder, copy(number), to, many)
            found.append(json.loads(to.read_text()))
    equal: bool = found[0] == found[1]
    counts = f"{len(found[0]['rows'])} rows, {len(found[0]['answers'])} answers"
    print(f"{store.__name__}: {counts}, equal: {equal}", flush=True)
    for kind in ("rows", "answers"):
        for before, after in zip(found[0][kind], found[1][kind], strict=False):
            if before != after:
                pairs = enumerate(zip(str(before), str(after), strict=False))
                differing = next((place for place, (a, b) in pairs if a != b), 0)
                print(f"{kind}, the first difference:")
                for each in (before, after):
                    print(str(each)[max(0, differing - 200) : differing + 200])
                break
    return equal


def main() -> int:
    if sys.argv[1] == "--work":
        found_here = asyncio.run(work(sys.argv[2], int(sys.argv[4])))
        Path(sys.argv[3]).write_text(found_here)
        return 0
    many = int(sys.argv[3]) if sys.argv[3:] else VOTES
    equal = [compare(sys.argv[1:3], many, store) for store in (sqlite, postgresql)]
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
