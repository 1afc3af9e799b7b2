"""Files of SQLite: their names in URLs, and one process at a time that makes one."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rostra_adapters.data_folder.folder import private_file
from rostra_adapters.errors import InvalidDatabaseUrl, SqliteFileError

SCHEME = "sqlite:"


def sqlite_path(url: str) -> Path:
    """Return the path in `sqlite:PATH`. Raises InvalidDatabaseUrl."""
    name = url.removeprefix(SCHEME)
    if name == ":memory:":
        raise InvalidDatabaseUrl(f"{url!r} would lose persons' keys: write `memory:`")
    if not name or name.startswith("//"):
        detail = "write `sqlite:comments.db`, or `sqlite:/folder/comments.db` from the root"
        raise InvalidDatabaseUrl(f"{url!r} names no file: {detail}")
    return Path(name)


def check_file(path: Path, *, read_only: bool) -> None:
    """Check that the file can be used, and make it unless it is only read.

    Raises SqliteFileError.
    """
    if not path.parent.is_dir():
        raise SqliteFileError(path, f"its folder must exist, and there is no {path.parent}")
    if path.is_dir():
        raise SqliteFileError(path, "it is a folder")
    if read_only and not path.exists():
        raise SqliteFileError(path, "there is no such file, and it is opened only to read")
    if not read_only:
        os.close(private_file(path, os.O_RDWR))


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process opens a file of SQLite in a folder, while the block runs."""
    if not folder.is_dir():
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
