"""What Rostra keeps beside the database: the lock and the two secrets of a data folder."""

import fcntl
import logging
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rostra_adapters.errors import DataFolderError

SECRET_BYTES = 32
PRIVATE_FOLDER, PRIVATE_FILE, OF_OTHERS = 0o700, 0o600, 0o077
OUR_NAMES = {"lock", "secret", "master-key", "erasures.ndjson"}
"""What a data folder is known by."""
POLL_SECONDS = 0.02

_logger = logging.getLogger(__name__)


def make_data_folder(folder: Path) -> None:
    """Make a folder that its owner alone may enter, or close one of ours that others may.

    A folder that is not ours, or holds other things, keeps its mode: it may be a home or `/tmp`.
    """
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    found = folder.stat()
    if not found.st_mode & OF_OTHERS:
        return
    names = {path.name for path in folder.iterdir()}
    is_ours = found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX
    if is_ours and (not names or names & OUR_NAMES):
        folder.chmod(PRIVATE_FOLDER)
    else:
        _logger.warning("others may enter %s: close it with `chmod 700`", folder)


def private_file(path: Path, flags: int) -> int:
    """Return a descriptor of a file that its owner alone may read, made where there is none."""
    descriptor = os.open(path, flags | os.O_CREAT, PRIVATE_FILE)
    if os.fstat(descriptor).st_mode & OF_OTHERS:
        os.fchmod(descriptor, PRIVATE_FILE)
    return descriptor


def secret(data: Path) -> str:
    """The key that signs tokens, as 64 hex digits; made at first use.

    The text itself is the key, so that `ROSTRA_SECRET="$(cat secret)"` means the same.
    """
    return key_file(data / "secret")


def master_key(data: Path) -> str:
    """The key that wraps the keys of persons, as 64 hex digits; made at first use. While it is
    being replaced: the new one, a comma, the former one."""
    file = data / "master-key"
    if not file.exists():
        return key_file(file)
    return ",".join(_key(file, line) for line in file.read_text("ascii").split() or [""])


def add_master_key(data: Path) -> None:
    """A new one, before the one that there is."""
    keys = [secrets.token_hex(SECRET_BYTES), *master_key(data).split(",")]
    write_durably(data / "master-key", _lines(keys))


def drop_former_master_keys(data: Path) -> None:
    """Nothing is wrapped with them any more."""
    write_durably(data / "master-key", _lines(master_key(data).split(",")[:1]))


def key_file(path: Path) -> str:
    """64 hex digits of randomness, made at first use, readable by their owner alone."""
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        _make(path)
        text = path.read_text("ascii").strip()
    return _key(path, text)


def _key(path: Path, text: str) -> str:
    if len(text) != 2 * SECRET_BYTES or not set(text) <= set("0123456789abcdef"):
        raise DataFolderError(f"{path} does not hold {2 * SECRET_BYTES} hex digits")
    return text


def _make(path: Path) -> None:
    """Links a finished file into place: nobody reads half a secret, and of two makers one wins."""
    make_data_folder(path.parent)
    draft = _draft(path, _lines([secrets.token_hex(SECRET_BYTES)]))
    try:
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        draft.unlink()


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def write_durably(file: Path, data: bytes) -> None:
    """Write or replace a file that its owner alone may read; it is on the disk on return.

    Readers see the old bytes or the new ones, also after a crash.
    """
    rename_durably(_draft(file, data), file)


def _draft(path: Path, data: bytes) -> Path:
    """Make a finished file beside `path`, readable by its owner alone."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with os.fdopen(private_file(draft, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return draft


def rename_durably(draft: Path, place: Path) -> None:
    """Give a finished file or folder its name; the name is on the disk on return."""
    draft.rename(place)
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; fsync of a file alone does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusively(lock: Path, *, wait_seconds_max: float) -> Iterator[None]:
    """Holds the lock file alone. The kernel lets go for a process that dies, however it dies."""
    descriptor = _open(lock)
    try:
        deadline = time.monotonic() + wait_seconds_max
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise DataFolderError(f"{lock} was held for {wait_seconds_max:g} s by someone else")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def share(lock: Path) -> int:
    """A descriptor that holds the lock file with others, until it is closed."""
    descriptor = _open(lock)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def is_shared(lock: Path) -> bool:
    """Whether anyone at all holds the lock file."""
    descriptor = _open(lock)
    try:
        return not _try(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def _open(lock: Path) -> int:
    # Read-only, so that a lock file made by root serves an ordinary user too.
    return os.open(lock, os.O_RDONLY | os.O_CREAT, 0o644)


def _try(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
