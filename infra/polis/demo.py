"""Publish a conversation to a service and print its most voted comments.

    make demo                      a short conversation of our own
    make demo POLIS=folder         an Open Polis one (comments.csv, votes.csv)

The service is started for the demo, on a free port and in a folder that is thrown
away; with ROSTRA_URL (and ROSTRA_TOKEN or ROSTRA_DATA) a running one is used.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

CONVERT = Path(__file__).with_name("convert.py")
OURS = Path(__file__).parents[1] / "demo" / "conversation.ndjson"
# However Rostra is installed, this interpreter has it.
ROSTRA = [sys.executable, "-c", "from rostra_adapters.cli import main; main()"]
LISTENS = "listens on "

START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 30
ANSWER_SECONDS_MAX = 60
WAIT_SECONDS = 30
SHOWN = 5
BODY_CHARACTERS = 72


class Service:
    """A running service: its URL, and the environment in which `rostra` may publish to it."""

    def __init__(self, url: str, environment: dict[str, str]) -> None:
        self.url = url
        self._environment = environment

    def publish(self, file: Path) -> None:
        """Raises CalledProcessError where an event stays rejected."""
        command = [*ROSTRA, "publish", str(file), "--url", self.url]
        subprocess.run(command, env=self._environment, check=True)

    def head(self) -> int:
        """The log's last position, which every answer to a batch names."""
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": "application/cloudevents-batch+json",
        }
        return int(self._ask("/v1/events", b"[]", headers)["position"])

    def get(self, path: str, **parameters: Any) -> Any:
        """Raises HTTPError."""
        return self._ask(f"{path}?{urlencode(parameters)}", None, {})

    def _token(self) -> str:
        if given := self._environment.get("ROSTRA_TOKEN"):
            return given
        command = [*ROSTRA, "token", "--scope", "publish"]
        made = subprocess.run(
            command, env=self._environment, check=True, text=True, stdout=subprocess.PIPE
        )
        return made.stdout.strip()

    def _ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        request = Request(self.url + path, body, headers)  # noqa: S310  # http, as its URL says
        with urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def service() -> Iterator[Service]:
    """The running one that ROSTRA_URL names, else one of our own."""
    if url := os.environ.get("ROSTRA_URL"):
        yield Service(url.rstrip("/"), dict(os.environ))
        return
    with tempfile.TemporaryDirectory(prefix="rostra-demo-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root PostgreSQL runs as another user
        with _started(folder) as started:
            yield started


@contextmanager
def _started(folder: Path) -> Iterator[Service]:
    foreign = ("ROSTRA_DATABASE_URL", "ROSTRA_TOKEN", "ROSTRA_HOST")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    environment |= {"ROSTRA_DATA": str(folder / "data"), "ROSTRA_PORT": "0"}
    print("Starting a service …", flush=True)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*ROSTRA, "serve"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield Service(_address(process, folder / "log"), environment)
    finally:
        _stop(process)


def _address(process: "subprocess.Popen[str]", log: Path) -> str:
    """Return the address that the process prints. Exits if it prints none."""
    assert process.stdout is not None
    too_long = Timer(START_SECONDS_MAX, process.kill)
    too_long.start()
    try:
        for line in process.stdout:
            if LISTENS in line:
                return line.partition(LISTENS)[2].split()[0]
    finally:
        too_long.cancel()
    sys.exit(f"the service did not start:\n{log.read_text()}")


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


@contextmanager
def conversation(polis: Path | None) -> Iterator[Path]:
    """A file of events: of the Polis folder in order of time, else ours."""
    if polis is None:
        yield OURS
        return
    with tempfile.TemporaryDirectory(prefix="rostra-demo-") as name:
        file = Path(name) / "polis.ndjson"
        with file.open("wb") as lines:
            subprocess.run([sys.executable, str(CONVERT), str(polis)], stdout=lines, check=True)
        yield file


def show(running: Service, place: dict[str, str], position: int) -> None:
    """The most voted comments, and the passages with their feedback, as of `position` or later."""
    fresh = {"min_position": position, "wait": WAIT_SECONDS}
    discussion = running.get("/v1/discussions", **place, **fresh)
    path = f"/v1/discussions/{discussion['id']}"
    most_voted = {"order": "most_voted", "flat": "true", "limit": SHOWN}
    page = running.get(f"{path}/comments", **most_voted, **fresh)
    print(f"\n{discussion['title'] or place['resource']}: {_counts(discussion)}.")
    print(f"The {len(page['comments'])} most voted:\n")
    for number, comment in enumerate(page["comments"], 1):
        print(f"{number}. {comment['score']:+d}  ({comment['up']} for, {comment['down']} against)")
        print(f"   {_short(comment['body'])}")
    for passage in running.get(f"{path}/passages", **fresh)["passages"]:
        print(f"\n“{passage['exact']}”")
        print(f"   inline feedback: {passage['comments']}, replies to it: {passage['replies']}")


def _counts(discussion: dict[str, Any]) -> str:
    return f"{discussion['comments']} comments by {discussion['participants']} people"


def _short(body: str | None) -> str:
    line = " ".join((body or "(removed)").split())
    return line if len(line) <= BODY_CHARACTERS else line[: BODY_CHARACTERS - 1] + "…"


def main() -> None:
    """Exit code 1 where an event stays rejected or the service fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, default=os.environ.get("POLIS") or None, metavar="POLIS"
    )
    folder = parser.parse_args().folder
    if folder is not None and not (folder / "votes.csv").is_file():
        parser.error(f"no votes.csv in {folder}")
    try:
        _demonstrate(folder)
    except subprocess.CalledProcessError as error:  # it has said why
        sys.exit(error.returncode)


def _demonstrate(folder: Path | None) -> None:
    with conversation(folder) as file, service() as running:
        running.publish(file)
        with file.open(encoding="utf-8") as lines:
            first = json.loads(next(lines))["data"]
        place = {"site": first["site"], "resource": first["resource"]}
        show(running, place, running.head())


if __name__ == "__main__":
    main()
