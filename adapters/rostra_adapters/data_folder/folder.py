"""Data folder: its lock, its two secrets, and durable writes of private files."""

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
"""Names by which a folder is recognised as a data folder."""
POLL_SECONDS = 0.02

_logger = logging.getLogger(__name__)


def make_data_folder(folder: Path) -> None:
    """Make a folder with mode 0700, or restrict an existing data folder to its owner.

    A folder of another user, or one that holds only other files, keeps its mode and is warned of:
    it may be a home or `/tmp`.
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
        _logger.warning(
            "other users may enter the data folder %s: use a folder for Rostra alone, or close it "
            "with `chmod 700`",
            folder,
        )


def private_file(path: Path, flags: int) -> int:
    """Open a file with mode 0600, making it if it is missing, and return its descriptor."""
    descriptor = os.open(path, flags | os.O_CREAT, PRIVATE_FILE)
    if os.fstat(descriptor).st_mode & OF_OTHERS:
        os.fchmod(descriptor, PRIVATE_FILE)
    return descriptor


def secret(data: Path) -> str:
    """Return the key that signs tokens, as 64 hex digits; make it at first use.

    The text itself is the key, so that `ROSTRA_SECRET="$(cat secret)"` gives the same key. Raises
    DataFolderError.
    """
    return key_file(data / "secret")


def master_key(data: Path) -> str:
    """Return the key that wraps persons' keys, as 64 hex digits; make it at first use.

    While it is being replaced, return the new key, a comma and the former key. Raises
    DataFolderError.
    """
    file = data / "master-key"
    if not file.exists():
        return key_file(file)
    return ",".join(_key(file, line) for line in file.read_text("ascii").split() or [""])


def add_master_key(data: Path) -> None:
    """Put a new master key before those in the file; the first one wraps new keys."""
    keys = [secrets.token_hex(SECRET_BYTES), *master_key(data).split(",")]
    write_durably(data / "master-key", _lines(keys))


def drop_former_master_keys(data: Path) -> None:
    """Delete all master keys but the first; call it once no key is wrapped with the others."""
    write_durably(data / "master-key", _lines(master_key(data).split(",")[:1]))


def key_file(path: Path) -> str:
    """Return the 64 random hex digits in a file of mode 0600; make it at first use.

    Raises DataFolderError.
    """
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        _make(path)
        text = path.read_text("ascii").strip()
    return _key(path, text)


def _key(path: Path, text: str) -> str:
    if len(text) != 2 * SECRET_BYTES or not set(text) <= set("0123456789abcdef"):
        raise DataFolderError(
            f"{path} does not hold {2 * SECRET_BYTES} hex digits: put the right key there again"
        )
    return text


def _make(path: Path) -> None:
    """Write a key beside `path` and link it into place, unless another process did so first."""
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
    """Write or replace a file of mode 0600 atomically and sync it to disk.

    Readers see the old bytes or the new ones, even after a crash.
    """
    rename_durably(_draft(file, data), file)


def _draft(path: Path, data: bytes) -> Path:
    """Write a file of mode 0600 beside `path`, sync it to disk and return its path."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with os.fdopen(private_file(draft, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return draft


def rename_durably(draft: Path, place: Path) -> None:
    """Rename a finished file or folder and sync the name to disk."""
    draft.rename(place)
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to disk, which fsync of a file alone does not do."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive_lock(lock: Path, *, wait_seconds_max: float) -> Iterator[None]:
    """Hold a lock file exclusively while the block runs; the kernel releases it if we die.

    Raises DataFolderError if it is not free within `wait_seconds_max`.
    """
    descriptor = _open(lock)
    try:
        deadline = time.monotonic() + wait_seconds_max
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise DataFolderError(
                    f"the lock {lock} was not free within {wait_seconds_max:g} s: another process "
                    "uses the data folder; retry or stop it"
                )
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def acquire_shared_lock(lock: Path) -> int:
    """Wait for a shared lock on a file; return the descriptor that holds it until closed."""
    descriptor = _open(lock)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def is_locked(lock: Path) -> bool:
    """Return True if any process holds the lock file, shared or exclusively."""
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
