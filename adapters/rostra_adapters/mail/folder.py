"""Mails written to a folder, for a demo without a mail server."""

import asyncio
import email
import email.policy
import hashlib
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import msgspec

MAIL_FOLDER = "mails"
"""Name of the folder in a data folder."""
MAILS_OF_PERSON_MAX = 100
"""Mails of a person that are kept: the latest."""


class StoredMail(msgspec.Struct, frozen=True):
    """Mail as a page lists it."""

    to: str
    subject: str
    at: datetime
    text: str


class MailFolder:
    """Transport of mails that writes them to a folder, a folder of its own for each person.

    The mails of a person are deleted with `forget`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, mail: EmailMessage, person: UUID, /) -> None:
        """Write a mail. The same mail again replaces the first."""
        await asyncio.to_thread(self._write, mail, person)

    def _write(self, mail: EmailMessage, person: UUID) -> None:
        folder = self._path / person.hex
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hashlib.sha256(str(mail["Message-ID"]).encode()).hexdigest()[:32]
        file = folder / f"{name}.eml"
        file.touch(mode=0o600)
        file.write_bytes(mail.as_bytes())
        for old in sorted(folder.iterdir(), key=_age, reverse=True)[MAILS_OF_PERSON_MAX:]:
            old.unlink(missing_ok=True)

    def forget(self, persons: Collection[UUID]) -> None:
        """Delete the mails of persons, who are named by their streams."""
        for person in persons:
            shutil.rmtree(self._path / person.hex, ignore_errors=True)

    def persons(self) -> list[UUID]:
        """Return the persons who have mails."""
        if not self._path.is_dir():
            return []
        return [UUID(folder.name) for folder in self._path.iterdir()]

    def mails(self, persons: Collection[UUID]) -> list[StoredMail]:
        """Return the mails of persons, the latest first."""
        folders = [self._path / person.hex for person in persons]
        files = [file for folder in folders if folder.is_dir() for file in folder.iterdir()]
        return [_stored(file) for file in sorted(files, key=_age, reverse=True)]


def _age(file: Path) -> int:
    return file.stat().st_mtime_ns


def _stored(file: Path) -> StoredMail:
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    plain = mail.get_body(("plain",))
    return StoredMail(
        to=str(mail["To"]),
        subject=str(mail["Subject"]),
        at=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        text="" if plain is None else plain.get_content(),
    )
