"""A PostgreSQL cluster in a data folder, which is made, started, checked and stopped here.

Callers hold the data folder's lock, so that no other process starts or stops it meanwhile.
"""

import os
import re
import shlex
import shutil
import socket
import struct
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from rostra_adapters.data_folder.folder import rename_durably
from rostra_adapters.errors import LocalPostgresError
from rostra_adapters.local_postgres.programs import Programs, Ran, can_enter, find_programs, own

NAME = "rostra"  # of the database and of its user
SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_BYTES_MAX = 107  # what the kernel takes
STOP_SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 5
RETRY_SECONDS = 0.05
LOG_BYTES_MAX = 8 * 1024 * 1024
BUILTIN_LOCALE_SINCE = 17

# Written once into the cluster's postgresql.conf, where an operator may change them.
SETTINGS = """
# Rostra: one service on one machine, many short transactions.
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
min_wal_size = 128MB
checkpoint_timeout = 15min
wal_compression = off         # by pglz it takes half of the processor after a checkpoint
random_page_cost = 1.1        # solid state
jit = off                     # our statements are shorter than their compilation
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
"""

# Messages of a server while a killed one still holds its memory.
PASSING = ("already exists", "pre-existing shared memory block", "did not start in time")

# Without fsync a crash of the machine loses the cluster; a crash of PostgreSQL loses nothing.
UNSAFE = ("-c", "fsync=off", "-c", "full_page_writes=off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    home: Path
    programs: Programs
    sockets: Path
    durable: bool

    @property
    def folder(self) -> Path:
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self.sockets))}"

    def make_unless_there(self) -> None:
        """Make the cluster unless it exists. A finished cluster is renamed into its place."""
        for leftover in self.home.glob("new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if self.folder.exists():
            self._check_version()
            return
        new = Path(tempfile.mkdtemp(prefix="new-", dir=self.home))
        own(new, self.programs.account)
        self._initialise(new)
        rename_durably(new, self.folder)

    def start_unless_answering(self, *, wait_seconds_max: float) -> None:
        """Start the server unless it answers, and retry while a killed one still holds memory.

        Raises LocalPostgresError if a retry cannot help or the time is over.
        """
        deadline = time.monotonic() + wait_seconds_max
        self._shorten_log()
        private_folder(self.sockets, self.programs)
        while not answers(self.sockets / SOCKET):
            if time.monotonic() > deadline:
                raise LocalPostgresError(
                    f"PostgreSQL does not answer after {wait_seconds_max:g} s; see {self.log}"
                )
            self._forget_the_dead()
            ran = self._start(deadline - time.monotonic())
            if ran.code != 0:
                if not any(words in ran.said for words in PASSING):
                    raise LocalPostgresError(f"PostgreSQL does not start:\n{ran.said}")
                time.sleep(RETRY_SECONDS)

    def stop(self) -> None:
        ran = self._run(
            "pg_ctl", "stop", "--silent", "--mode=fast", f"--timeout={STOP_SECONDS_MAX}"
        )
        if ran.code != 0 and answers(self.sockets / SOCKET):
            raise LocalPostgresError(f"PostgreSQL does not stop:\n{ran.said}")
        with suppress(OSError):  # not empty, if the server had died
            self.sockets.rmdir()

    def _initialise(self, new: Path) -> None:
        locale = (
            ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
            if self.programs.major >= BUILTIN_LOCALE_SINCE
            else ("--locale=C.UTF-8",)
        )
        sync = () if self.durable else ("--no-sync",)
        self._must(
            self._run(
                "initdb",
                f"--username={NAME}",
                "--auth=trust",  # who reaches the socket's folder is us
                "--encoding=UTF8",
                "--data-checksums",
                "--no-instructions",
                *locale,
                *sync,
                cluster=new,
            )
        )
        with (new / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        # Now rather than later, so that a cluster in its place always has its database.
        self._must(
            self._run(
                "postgres",
                "--single",
                "-c",
                "exit_on_error=on",
                *(() if self.durable else UNSAFE),
                "template1",
                cluster=new,
                stdin=f"create database {NAME}\n".encode(),
            )
        )

    def _start(self, wait_seconds: float) -> Ran:
        options = (
            "-c",
            "listen_addresses=",
            "-c",
            f"unix_socket_directories={self.sockets}",
            "-c",
            "port=5432",
            *(() if self.durable else UNSAFE),
        )
        return self._run(
            "pg_ctl",
            "start",
            "--silent",
            f"--timeout={max(1, round(wait_seconds))}",
            f"--options={shlex.join(options)}",
        )

    def _run(
        self, program: str, *arguments: str, cluster: Path | None = None, stdin: bytes = b""
    ) -> Ran:
        return self.programs.run(
            program, *arguments, cluster=cluster or self.folder, log=self.log, stdin=stdin
        )

    def _must(self, ran: Ran) -> None:
        if ran.code != 0:
            raise LocalPostgresError(f"PostgreSQL cannot make its cluster:\n{ran.said}")

    def _check_version(self) -> None:
        made_by = int((self.folder / "PG_VERSION").read_text().strip())
        if made_by != self.programs.major:
            raise LocalPostgresError(
                f"{self.folder} was made by PostgreSQL {made_by}, and the programs in "
                f"{self.programs.folder} are of {self.programs.major}: PG_BIN can name others"
            )

    def _shorten_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".1"))

    def _forget_the_dead(self) -> None:
        """Remove the files of a dead server whose process number another process has now.

        PostgreSQL believes that any living process with that number is the server. In a container,
        where the same numbers return, it would never start again. A zombie counts as living.
        """
        for file in (self.folder / "postmaster.pid", self.sockets / f"{SOCKET}.lock"):
            pid = _first_number(file)
            if pid is not None and not _runs_in(pid, self.folder):
                file.unlink(missing_ok=True)


def open_cluster(data: Path, *, durable: bool) -> Cluster:
    home = data / "postgres"
    home.mkdir(exist_ok=True)
    programs = find_programs(home / "cluster")
    # Another account than ours has to pass it, unless it is handed over as an open folder.
    home.chmod(0o711 if programs.account else 0o700)
    sockets = home / "run"
    if answers(sockets / SOCKET):
        pass  # a server that was started before the data folder was closed to others
    elif not _fits(sockets) or not can_enter(home, programs.account):
        # Not TMPDIR: all processes that share the cluster must compute the same name.
        sockets = Path("/tmp") / f"rostra-{sha256(os.fsencode(home)).hexdigest()[:16]}"  # noqa: S108
    return Cluster(home=home, programs=programs, sockets=sockets, durable=durable)


def postmaster_pid(data: Path) -> int | None:
    """Return the process number of a data folder's server, running or dead, for tests."""
    return _first_number(data / "postgres/cluster/postmaster.pid")


def private_folder(folder: Path, programs: Programs) -> None:
    """Make a folder that only PostgreSQL's user may enter, or check that it is one."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        own(folder, programs.account)
    found = folder.lstat()
    uid = programs.account.uid if programs.account else os.geteuid()
    if found.st_uid != uid or found.st_mode & 0o170077 != 0o040000:
        raise LocalPostgresError(f"{folder} is not a private folder of user {uid}: remove it")


def answers(path: Path) -> bool:
    """Return whether a server takes sessions at a socket.

    It asks as a client would: a process or a socket alone may belong to a server that is starting,
    stopping or stuck.
    """
    asked = struct.pack("!i", 196_608) + f"user\0{NAME}\0database\0{NAME}\0\0".encode()
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_SECONDS_MAX)
            client.connect(str(path))
            client.sendall(struct.pack("!i", len(asked) + 4) + asked)
            reply = client.recv(1_024)
    except OSError:
        return False
    refused_for_now = b"C57P03\0" in reply  # cannot_connect_now
    return reply[:1] == b"R" or (reply[:1] == b"E" and not refused_for_now)


def _fits(sockets: Path) -> bool:
    """Short enough for the kernel, and plain enough for a list of paths and for a URL."""
    path = str(sockets / SOCKET)
    return (
        len(path) <= SOCKET_PATH_BYTES_MAX
        and re.fullmatch(r"[A-Za-z0-9_./+=~-]+", path) is not None
    )


def _first_number(file: Path) -> int | None:
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _runs_in(pid: int, folder: Path) -> bool:
    """Return whether a process works in the folder. If that cannot be seen, return True."""
    if not Path("/proc/self/cwd").exists():
        return True
    try:
        return Path(f"/proc/{pid}/cwd").samefile(folder)
    except FileNotFoundError:
        return False
    except OSError:
        return True
