"""File of all erasures and returns of persons, outside the database: one JSON object a line.

A backup lacks the erasures made after it. A restore applies this file, so that no person who was
erased since comes back. The file holds ids of persons, and neither names nor bodies.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import msgspec

from rostra.commands import Command, ErasePerson, ReturnPerson
from rostra.deciding.checking import validate
from rostra.deciding.handle import Commanded, Outcome
from rostra.events import CommandContext
from rostra.log import Recorded
from rostra.times import Time
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_adapters.data_folder.folder import PRIVATE_FOLDER, private_file, sync_folder
from rostra_adapters.errors import ErasuresUnreadable

VARIABLE = "ROSTRA_ERASURES"
"""Environment variable that names the file."""
FILE = "erasures.ndjson"
"""The file's name in a data folder."""
LINE_BYTES_MAX = 16 * 1024
"""Bytes at the file's end that are searched for an unfinished line."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One erasure or return of a person."""

    type: str
    """`person.erased` or `person.returned`."""
    site: str
    person: str
    source: str
    """`source` of the event, as published."""
    id: str
    """`id` of the event, as published."""
    time: Time
    log: UUID
    """Id of the log that recorded the event."""
    position: int
    """Position of the event in that log; 0 if the outcome named none."""

    def to_command(self) -> Commanded:
        """Return the command that publishes this event again."""
        kind: type[ErasePerson] | type[ReturnPerson] = (
            ErasePerson if self.type == ErasePerson.topic else ReturnPerson
        )
        command = msgspec.convert({"site": self.site, "person": self.person}, kind)
        return validate(Commanded(command, CommandContext(self.source, self.id, self.time)))


class ErasuresDigest(msgspec.Struct, frozen=True):
    """Size and hash of a file of erasures, by which a later file is seen to continue it."""

    size: int
    """Bytes of all complete lines."""
    sha256: str
    """SHA-256 of those bytes, as hex digits."""


EMPTY_DIGEST = ErasuresDigest(0, sha256().hexdigest())
_line = msgspec.json.Decoder(Line)


class ErasuresFile:
    """File of erasures that all processes of a service append to, locking it for each append."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def append(
        self, log: UUID, commands: Sequence[Commanded], outcomes: Sequence[Outcome]
    ) -> None:
        """Append the erasures and returns that took effect, now or earlier, durably.

        Other commands and rejected ones are left out. Raises OSError.
        """
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
            if not end.endswith(b"\n"):  # a process died while writing; it has not answered
                os.ftruncate(descriptor, size - len(end) + end.rfind(b"\n") + 1)
            while lines:
                lines = lines[os.write(descriptor, lines) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_folder(self.path.parent)

    def lines(self) -> Iterator[Line]:
        """Yield all complete lines in order.

        An unfinished last line is left out: its command was never answered. Raises
        ErasuresUnreadable, OSError.
        """
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    if line.endswith(b"\n"):
                        yield _line.decode(line)
                except msgspec.DecodeError as error:
                    raise ErasuresUnreadable(
                        f"{self.path}, line {number} is damaged: {error}"
                    ) from None

    def digest(self) -> ErasuresDigest:
        """Return the digest of the file's complete lines; that of an empty file if it is missing.

        Raises OSError.
        """
        data = self.path.read_bytes() if self.path.exists() else b""
        data = data[: data.rfind(b"\n") + 1]
        return ErasuresDigest(len(data), sha256(data).hexdigest())

    def has_prefix(self, before: ErasuresDigest) -> bool:
        """Return True if the file begins with the bytes of `before`. Raises OSError."""
        data = self.path.read_bytes()[: before.size]
        return ErasuresDigest(len(data), sha256(data).hexdigest()) == before


class _Metadata(msgspec.Struct, frozen=True):
    source: str
    id: str


_metadata = msgspec.json.Decoder(_Metadata)


def erasure_in_force(rows: Sequence[Recorded], act: CommandContext) -> CommandContext:
    """Return the origin of the last erasure in a person's stream.

    It is `act` where the log does not name the origin.
    """
    for row in reversed(rows):
        if row.topic == ErasePerson.topic and row.metadata is not None:
            event = decode_row(row)
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                origin = _metadata.decode(row.metadata)
                if event is not None:
                    return CommandContext(origin.source, origin.id, event.time)
    return act


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
