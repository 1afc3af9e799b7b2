"""Rostra as its users run it: the command line in processes of its own, and requests over HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psycopg

from rostra_adapters.local_postgres.lease import postmaster_pid
from support.forking import Process, can_fork
from support.waiting import WAIT_SECONDS_MAX, block_until

PROGRAM = Path(sys.executable).with_name("rostra")
PROJECT = Path(__file__).parents[2]


class Ran(NamedTuple):
    """What a command said, on pipes, and its exit code."""

    code: int
    out: str
    err: str


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ended(process: Process | subprocess.Popen[bytes]) -> Ran:
    """A command that was started, at its end."""
    out, err = process.communicate(timeout=WAIT_SECONDS_MAX)
    return Ran(process.wait(), out.decode(), err.decode())


class Service:
    """A `rostra serve` that listens."""

    def __init__(self, process: Process | subprocess.Popen[bytes], url: str, said: Path) -> None:
        self.process = process
        self.url = url
        self._said = said

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def said(self) -> str:
        """What it logged."""
        return self._said.read_text()

    def ask(self, path: str, *, token: str | None = None, **params: Any) -> Answer:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        request = Request(f"{self.url}{path}?{urlencode(params, doseq=True)}", headers=headers)
        try:
            with urlopen(request, timeout=WAIT_SECONDS_MAX) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def get(self, path: str, *, token: str | None = None, **params: Any) -> Any:
        """The body of an answer that shows something."""
        answer = self.ask(path, token=token, **params)
        assert answer.status == 200, (answer, self.said[-2_000:])
        return answer.json

    def comments(self, discussion: object, **params: Any) -> list[dict[str, Any]]:
        """A whole list, page by page."""
        shown: list[dict[str, Any]] = []
        path = f"/v1/discussions/{discussion}/comments"
        following: dict[str, Any] = {}
        while True:
            page = self.get(path, limit=100, **params, **following)
            shown += page["comments"]
            if page["next"] is None:
                assert len(shown) == page["total"]
                return shown
            following = {"cursor": page["next"]}

    def head(self) -> int:
        """Return the log's head, once the service is ready."""
        answers: list[Answer] = []

        def is_ready() -> bool:
            answers.append(self.ask("/readyz"))
            return answers[-1].status == 200

        block_until(is_ready)
        return int(answers[-1].json["head"])

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_SECONDS_MAX)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


class Rostra:
    """A data folder, or with `database_url` a database of one's own; and what is run on it."""

    def __init__(self, data: Path, database_url: str | None = None, **environment: str) -> None:
        self.data = data
        self._database_url = database_url
        kept = {name: it for name, it in os.environ.items() if not name.startswith("ROSTRA_")}
        given = {} if database_url is None else {"ROSTRA_DATABASE_URL": database_url}
        self._environment = {**kept, "ROSTRA_DATA": str(data), **given, **environment}

    def run(self, *arguments: object, stdin: bytes | None = None) -> Ran:
        """A command, to its end."""
        given = None if stdin is None else subprocess.PIPE
        process = self._start(*arguments, stdin=given)
        out, err = process.communicate(stdin, WAIT_SECONDS_MAX)
        return Ran(process.wait(), out.decode(), err.decode())

    def must(self, *arguments: object, stdin: bytes | None = None) -> str:
        """What a command that goes well prints."""
        ran = self.run(*arguments, stdin=stdin)
        assert ran.code == 0, ran
        return ran.out

    @contextmanager
    def started(
        self, *arguments: object, stdin: int | IO[bytes] | None = None
    ) -> Iterator[Process | subprocess.Popen[bytes]]:
        """A command, running; killed at the end if it has not come to its own."""
        with self._start(*arguments, stdin=stdin) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def serving(self, *, port: int = 0) -> Iterator[Service]:
        """A service that is ready; stopped at the end unless it was before."""
        service = self.serve(port=port)
        try:
            yield service
        finally:
            if service.process.poll() is None:
                service.stop()

    def serve(self, *, port: int = 0) -> Service:
        """The same, to be stopped by the caller."""
        self.data.mkdir(exist_ok=True)
        said = self.data / f"said-{time.monotonic_ns()}"
        with said.open("w") as file:
            process = self._start("serve", "--port", port, stderr=file)
        assert process.stdout is not None
        with process.stdout as out:  # it says no more than this line
            line = out.readline().decode()
        assert line.startswith("Rostra listens on http://"), (line, said.read_text())
        service = Service(process, line.split()[-1], said)
        service.head()
        return service

    def _start(self, *arguments: object, **pipes: Any) -> Process | subprocess.Popen[bytes]:
        given, environment = [*map(str, arguments)], self._environment
        if can_fork(environment):
            return Process(given, cwd=Path.cwd(), env=environment, **pipes)
        out, err = (pipes.get(name, subprocess.PIPE) for name in ("stdout", "stderr"))
        stdin = pipes.get("stdin") or subprocess.DEVNULL
        return subprocess.Popen(
            [PROGRAM, *given], env=environment, stdin=stdin, stdout=out, stderr=err
        )

    def token(self, scope: str = "publish admin", *options: str) -> str:
        return self.must("token", "--scope", scope, *options).strip()

    def publish(self, service: Service, file: Path, *options: object) -> dict[str, int]:
        """Publish a file; how many events had which result."""
        return counts(self.must("publish", file, "--url", service.url, *options))

    def export(self, *options: object) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.must("export", *options).splitlines()]

    @property
    def database_url(self) -> str:
        if self._database_url is None:
            self._database_url = str(json.loads(self.must("status", "--json"))["database_url"])
        return self._database_url

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What raw SQL says. The database must be running."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            found = connection.execute(statement.encode(), values)
            return found.fetchall() if found.description else []

    def kill_postgres(self) -> None:
        """kill -9 of the data folder's server, with all its processes."""
        postmaster = postmaster_pid(self.data)
        assert postmaster is not None
        for pid in [postmaster, *_children(postmaster)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def counts(line: str) -> dict[str, int]:
    """Of `3 recorded, 0 duplicate, 1 unchanged, 0 rejected`."""
    parts = line.strip().partition(" (")[0].split(", ")
    return {name: int(number) for number, name in (part.split() for part in parts)}


def contiguous(positions: Sequence[int]) -> bool:
    return list(positions) == list(range(1, len(positions) + 1))


def _children(parent: int) -> list[int]:
    """Where there is no /proc they are spared: they end by themselves, soon after their parent."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            after_name = stat.read_text().rpartition(")")[2].split()
            if int(after_name[1]) == parent:
                found.append(int(stat.parent.name))
    return found
