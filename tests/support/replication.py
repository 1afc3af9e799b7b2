"""PostgreSQL servers of a test's own that replicate: a primary and its standbys, on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from rostra_adapters.local_postgres.programs import find_programs, own
from support.ports import free_port
from support.waiting import block_until

SETTINGS = """
listen_addresses = '127.0.0.1'
fsync = off
full_page_writes = off
wal_writer_delay = 10ms
hot_standby_feedback = on
max_connections = 100
shared_buffers = 32MB
wal_keep_size = 256MB
"""


class Node:
    """A server in a folder below `home`."""

    def __init__(self, home: Path, name: str) -> None:
        self.folder = home / name
        self.log = home / f"{name}.log"
        self.programs = find_programs(home)
        self.port = free_port()
        self.environment: dict[str, str] = {}
        """Variables of the server's own."""

    @property
    def url(self) -> str:
        return f"postgresql://rostra@127.0.0.1:{self.port}/rostra"

    def make(self) -> None:
        """Make a primary with an empty database."""
        self.initialise("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        self.start()
        self.execute("create database rostra", database="postgres")

    def initialise(self, *locale: str) -> None:
        """Make the folder of a server without starting it."""
        self._run("initdb", "-D", str(self.folder), "--username=rostra", "--auth=trust",
                  "--encoding=UTF8", "--no-sync", "--no-instructions", *locale)  # fmt: skip
        with (self.folder / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)

    def copy(self, primary: "Node") -> None:
        """Make a standby of a running server, and start it."""
        self._run("pg_basebackup", "-D", str(self.folder), "--write-recovery-conf",
                  "--checkpoint=fast", "--no-sync", "--dbname", primary.url,
                  )  # fmt: skip
        named = f"primary_conninfo = '{primary.conninfo(self.folder.name)}'\n"
        (self.folder / "postgresql.auto.conf").write_text(named)
        self.start()

    def conninfo(self, application: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=rostra application_name={application}"

    def follow(self, primary: "Node") -> None:
        """Follow another primary from now on."""
        self.execute(
            f"alter system set primary_conninfo = '{primary.conninfo(self.folder.name)}'",
            "select pg_reload_conf()",
        )

    def configure(self, settings: str) -> None:
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write(settings)
        self.execute("select pg_reload_conf()", database="postgres")

    def start(self) -> None:
        """Start the server, as soon as one that was killed has left its socket and its port."""
        block_until(self._starts)

    def _starts(self) -> bool:
        options = f"-p {self.port} -k {self.folder.parent}"
        try:
            self._run("pg_ctl", "-D", str(self.folder), "--silent", "-w", "-t", "60",
                      "-l", str(self.log), "-o", options, "start")  # fmt: skip
        except subprocess.CalledProcessError:
            return False
        return True

    def stop(self, mode: str = "fast") -> None:
        """Stop the server if it runs."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.folder), "--silent", "-m", mode, "stop")

    def kill(self) -> None:
        """Kill the server with all its processes, as a machine that loses its power."""
        pid = int((self.folder / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        block_until(lambda: not _takes_connections(self.port))
        for file in self.folder.parent.glob(f".s.PGSQL.{self.port}*"):
            file.unlink(missing_ok=True)  # until it is reaped, its lock looks like that of another

    def promote(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder), "--silent", "-w", "promote")

    def execute(self, *statements: str, database: str = "rostra") -> None:
        url = self.url.removesuffix("rostra") + database
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, statement: str) -> object:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
        return None if row is None else row[0]

    def has_replayed(self, primary: "Node") -> bool:
        """Return whether this standby has all that the primary has written."""
        at = primary.value("select pg_current_wal_lsn()::text")
        return bool(self.value(f"select pg_last_wal_replay_lsn() >= '{at}'::pg_lsn"))

    def _run(self, program: str, *arguments: str) -> None:
        account = self.programs.account
        subprocess.run(
            [str(self.programs.folder / program), *arguments],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"], **self.environment},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


@contextmanager
def nodes(count: int) -> Iterator[list[Node]]:
    """Yield a primary and its standbys, which stop at the end."""
    home = Path(tempfile.mkdtemp(prefix="rostra-nodes-"))
    made = [Node(home, f"node{number}") for number in range(count)]
    own(home, made[0].programs.account)
    try:
        made[0].make()
        for standby in made[1:]:
            standby.copy(made[0])
        yield made
    finally:
        for node in made:
            node.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


def _takes_connections(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Cluster:
    """Three servers of which one is the primary, whose commits wait for one of the others.

    In place of Patroni: the server with most of the log is promoted, and the others follow it.
    """

    def __init__(self, members: list[Node]) -> None:
        self.members = members
        self.primary = members[0]
        names = ", ".join(node.folder.name for node in members)
        for node in members:
            node.configure(f"synchronous_standby_names = 'ANY 1 ({names})'\n")

    @property
    def url(self) -> str:
        """URL of whichever server is the primary."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.members)
        return f"postgresql://rostra@{hosts}/rostra?target_session_attrs=primary"

    def kill_primary(self) -> None:
        """Kill the primary, promote another server, and let the killed one join again."""
        killed = self.primary
        killed.kill()
        left = [node for node in self.members if node is not killed]
        received = "select pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::float8"
        self.primary = max(left, key=lambda node: float(str(node.value(received))))
        self.primary.promote()
        for node in left:
            if node is not self.primary:
                node.follow(self.primary)
        shutil.rmtree(killed.folder)
        killed.copy(self.primary)
