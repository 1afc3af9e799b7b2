"""The erasures, and the returns, in a small file outside the database: one JSON line each.

A backup of the database is older than some of them. Whoever restores one needs this file, so
that nobody comes back who was erased since. It holds no words.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import msgspec

from rostra.commands import Command, ErasePerson, ReturnPerson
from rostra.deciding.checking import checked
from rostra.deciding.handle import Commanded, Outcome
from rostra.events import CommandContext
from rostra.times import Time
from rostra_adapters.data_folder.folder import PRIVATE_FOLDER, private_file, sync_folder
from rostra_adapters.errors import ErasuresUnreadable

VARIABLE = "ROSTRA_ERASURES"
FILE = "erasures.ndjson"
LINE_BYTES_MAX = 16 * 1024


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded, and where: the event as its publisher named it."""

    type: str
    site: str
    person: str
    source: str
    id: str
    time: Time
    log: UUID
    position: int

    def commanded(self) -> Commanded:
        """As it was published."""
        kind: type[ErasePerson] | type[ReturnPerson] = (
            ErasePerson if self.type == ErasePerson.topic else ReturnPerson
        )
        command = msgspec.convert({"site": self.site, "person": self.person}, kind)
        return checked(Commanded(command, CommandContext(self.source, self.id, self.time)))


class Written(msgspec.Struct, frozen=True):
    """How much a file held at a moment: it goes on from there, or it is another file."""

    size: int
    sha256: str


NOTHING_WRITTEN = Written(0, sha256().hexdigest())
_line = msgspec.json.Decoder(Line)


class ErasuresFile:
    """Appended to by every process; each line is on the disk before it is said that it is."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def append(
        self, log: UUID, commands: Sequence[Commanded], outcomes: Sequence[Outcome]
    ) -> None:
        """Those of the commands that hold now, whether they were recorded now or before."""
        lines = [
            _encoded(log, commanded, outcome)
            for commanded, outcome in zip(commands, outcomes, strict=True)
            if _is_kept(commanded.command, outcome)
        ]
        if lines:
            await asyncio.to_thread(self._append, b"".join(lines))

    def _append(self, lines: bytes) -> None:
        self.path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        new = not self.path.exists()
        descriptor = private_file(self.path, os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            end = os.pread(descriptor, LINE_BYTES_MAX, max(0, size - LINE_BYTES_MAX))
            if not end.endswith(b"\n"):  # somebody died over a line, and nobody was told of it
                os.ftruncate(descriptor, size - len(end) + end.rfind(b"\n") + 1)
            while lines:
                lines = lines[os.write(descriptor, lines) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_folder(self.path.parent)

    def lines(self) -> Iterator[Line]:
        """In order. A last one that was never finished was never answered either. Raises
        ErasuresUnreadable, OSError."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    if line.endswith(b"\n"):
                        yield _line.decode(line)
                except msgspec.DecodeError as error:
                    raise ErasuresUnreadable(f"{self.path}, line {number}: {error}") from None

    def written(self) -> Written:
        """How much there is now."""
        data = self.path.read_bytes() if self.path.exists() else b""
        data = data[: data.rfind(b"\n") + 1]
        return Written(len(data), sha256(data).hexdigest())

    def goes_on_from(self, before: Written) -> bool:
        """Whether the file begins with all that it held then."""
        data = self.path.read_bytes()[: before.size]
        return Written(len(data), sha256(data).hexdigest()) == before


def _is_kept(command: Command, outcome: Outcome) -> bool:
    match command:
        case ErasePerson():
            return outcome.status != "rejected"
        case ReturnPerson():
            return outcome.status in ("recorded", "duplicate")
        case _:
            return False


def _encoded(log: UUID, commanded: Commanded, outcome: Outcome) -> bytes:
    command, act = commanded.command, commanded.act
    assert isinstance(command, ErasePerson | ReturnPerson)
    line = Line(
        type=command.topic,
        site=command.site,
        person=command.who,
        source=act.source,
        id=act.id,
        time=act.time,
        log=log,
        position=outcome.position or 0,
    )
    return msgspec.json.encode(line) + b"\n"
