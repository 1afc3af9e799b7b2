"""PostgreSQL clusters under Patroni: three members and an etcd, on loopback.

The configuration is the sample of `infra/deploy`, but for addresses, folders and shorter times.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil  # type: ignore[import-untyped]
import psycopg
import yaml  # type: ignore[import-untyped]

from rostra_adapters.local_postgres.programs import Account, Programs, find_programs, own
from support.pages import PROJECT
from support.ports import free_port
from support.requirements import missing
from support.waiting import WAIT_SECONDS_MAX, block_until

SAMPLE = PROJECT / "infra/deploy/patroni.yaml"
SHORTER = {"loop_wait": 1, "retry_timeout": 3}
"""Seconds; 20 of `ttl` are the least that Patroni allows."""
QUICK = {"fsync": "off", "shared_buffers": "32MB"}
PASSWORD = "a-password-of-the-tests"
ETCD = "etcd"
ASK_SECONDS_MAX = 3.0
LOOK_SECONDS = 0.25
"""Pause between questions to Patroni, each of which makes it ask etcd."""
LOG_CHARACTERS = 6_000

_STARTS_PYTHON = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "import patroni"], check=True)
"""
_UNREACHABLE = (OSError, HTTPException)


class Member:
    """A PostgreSQL server and the Patroni that runs it, as on a machine of their own."""

    def __init__(self, home: Path, name: str, programs: Programs, etcd_port: int) -> None:
        self.name = name
        self.port, self.rest_port = free_port(), free_port()
        self.folder = home / name
        self._home = home
        self._programs = programs
        self._etcd_port = etcd_port
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, user: str = "rostra", database: str = "rostra") -> str:
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start Patroni, which starts the server."""
        configuration = self._home / f"{self.name}.yaml"
        configuration.write_text(yaml.safe_dump(self._configuration()))
        own(configuration, self._programs.account)
        passwords = {
            f"PATRONI_{user}_PASSWORD": PASSWORD for user in ("SUPERUSER", "REPLICATION", "REWIND")
        }
        self._process = _start(
            [
                *(_prefix(self._programs.account) or ()),
                sys.executable,
                "-m",
                "patroni",
                str(configuration),
            ],
            self._home / f"{self.name}.log",
            passwords,
        )

    def stop(self) -> None:
        """Stop both, as a machine that is shut down."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WAIT_SECONDS_MAX)

    def kill(self) -> None:
        """Kill both with all their processes, as a machine that loses its power."""
        self.kill_patroni()
        self.kill_server()

    def kill_patroni(self) -> None:
        """Kill Patroni alone: the server goes on."""
        if self._process is not None and self._process.poll() is None:
            _kill(psutil.Process(self._process.pid))
            self._process.wait()

    def kill_server(self) -> None:
        """Kill the server alone. Patroni, if it runs, starts it again."""
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            server = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
            if server.cwd() == str(self.folder):  # else another process has its number by now
                _kill(server)

    def ask(self, path: str, body: object = None) -> Any:
        """Ask Patroni. Raises OSError or HTTPException where it does not answer."""
        request = Request(
            f"http://127.0.0.1:{self.rest_port}/{path}",
            data=None if body is None else json.dumps(body).encode(),
        )
        with urlopen(request, timeout=WAIT_SECONDS_MAX if body else ASK_SECONDS_MAX) as answer:
            text = answer.read()
            return json.loads(text) if body is None else text.decode()

    @property
    def said(self) -> str:
        """The log of Patroni and the server."""
        return (self._home / f"{self.name}.log").read_text()

    def _configuration(self) -> dict[str, Any]:
        configuration: dict[str, Any] = yaml.safe_load(SAMPLE.read_text())
        configuration["name"] = self.name
        configuration["etcd3"]["hosts"] = [f"127.0.0.1:{self._etcd_port}"]
        configuration["bootstrap"]["dcs"] |= SHORTER
        configuration["watchdog"] = {"mode": "off"}
        rest = f"127.0.0.1:{self.rest_port}"
        configuration["restapi"] |= {"listen": rest, "connect_address": rest}
        server = f"127.0.0.1:{self.port}"
        configuration["postgresql"] |= {
            "listen": server,
            "connect_address": server,
            "bin_dir": str(self._programs.folder),
            "data_dir": str(self.folder),
            "pgpass": str(self._home / f"{self.name}.pgpass"),
            "parameters": QUICK | {"unix_socket_directories": str(self._home)},
        }
        return configuration


class PatroniCluster:
    """Three members, of which Patroni makes one the leader."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members

    def url(self, attributes: str, first: int = 0) -> str:
        """Return a URL of all servers, beginning with one of them."""
        members = self.members[first:] + self.members[:first]
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in members)
        return f"postgresql://rostra:{PASSWORD}@{hosts}/rostra?target_session_attrs={attributes}"

    def states(self) -> dict[str, dict[str, Any]]:
        """Return what Patroni says of each member; nothing if none answers."""
        for member in self.members:
            with suppress(*_UNREACHABLE):
                found = member.ask("cluster")["members"]
                return {one["name"]: one for one in found}
        return {}

    @property
    def leader(self) -> Member | None:
        for name, state in self.states().items():
            if state["role"] == "leader" and state["state"] == "running":
                return self._member(name)
        return None

    def is_whole(self) -> bool:
        """Return whether there is a leader that both others follow, each of the quorum."""
        states = self.states().values()
        roles = sorted((state["role"], state["state"]) for state in states)
        return len({state.get("timeline") for state in states}) == 1 and roles == [
            ("leader", "running"),
            ("quorum_standby", "streaming"),
            ("quorum_standby", "streaming"),
        ]

    def wait_until_whole(self) -> Member:
        """Wait until the cluster is whole. Return its leader."""
        try:
            block_until(self.is_whole, LOOK_SECONDS)
        except AssertionError as error:
            logs = [f"{member.name}:\n{member.said[-LOG_CHARACTERS:]}" for member in self.members]
            raise AssertionError("\n".join([f"{error}: {self.states()}", *logs])) from None
        leader = self.leader
        assert leader is not None
        return leader

    def standbys(self) -> list[Member]:
        leader = self.leader
        return [member for member in self.members if member is not leader]

    def switch_over(self) -> Member:
        """Let a standby take over from the leader. Return the new leader."""
        leader = self.wait_until_whole()
        candidate = next(member for member in self.members if member is not leader)
        leader.ask("switchover", {"leader": leader.name, "candidate": candidate.name})
        block_until(lambda: self.leader is candidate)
        return candidate

    def _member(self, name: str) -> Member:
        return next(member for member in self.members if member.name == name)


@contextmanager
def patroni_cluster() -> Iterator[PatroniCluster]:
    """Yield a whole cluster with an empty database `rostra`; all its processes end after it."""
    home = Path(tempfile.mkdtemp(prefix="rostra-patroni-"))
    programs = find_programs(home)
    _check_programs(programs.account)
    own(home, programs.account)
    etcd_port = free_port()
    members = [Member(home, f"db{number}", programs, etcd_port) for number in (1, 2, 3)]
    etcd = _start_etcd(home, etcd_port)
    try:
        cluster = PatroniCluster(members)
        for member in members:
            member.start()
        _make_database(cluster.wait_until_whole())
        yield cluster
    finally:
        for member in members:
            member.kill()
        etcd.kill()
        etcd.wait()
        shutil.rmtree(home, ignore_errors=True)


def _make_database(leader: Member) -> None:
    with psycopg.connect(leader.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(f"create role rostra login password '{PASSWORD}'".encode())
        connection.execute(b"create database rostra owner rostra")


def _start_etcd(home: Path, port: int) -> subprocess.Popen[bytes]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    process = _start(
        [ETCD, "--name", "etcd1", "--data-dir", str(home / "etcd"), "--log-level", "warn",
         "--listen-client-urls", client, "--advertise-client-urls", client,
         "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
         "--initial-cluster", f"etcd1={peer}"],
        home / "etcd.log",
    )  # fmt: skip

    def answers() -> bool:
        with suppress(*_UNREACHABLE), urlopen(f"{client}/health", timeout=1) as answer:
            return bool(json.loads(answer.read())["health"] == "true")
        return False

    block_until(answers)
    return process


def _start(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    with log.open("ab") as said:
        return subprocess.Popen(
            command,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(log.parent)}
            | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )


def _kill(process: psutil.Process) -> None:
    """Kill a process with all that it started, at once, and wait until they are gone."""
    process.suspend()
    processes = [process, *process.children(recursive=True)]
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    block_until(lambda: all(_is_gone(each) for each in processes))


def _is_gone(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return True


def _check_programs(account: Account | None) -> None:
    if importlib.util.find_spec("patroni") is None or importlib.util.find_spec("etcd") is None:
        missing("patroni", "install the extra `ha`")
    if shutil.which(ETCD) is None:
        missing("etcd", "install etcd-server")
    if _prefix(account) is None:
        missing("patroni", f"{account} cannot run {sys.executable}; run the tests as another user")


@lru_cache
def _prefix(account: Account | None) -> tuple[str, ...] | None:
    """Return the words before a command of Python that run it as an account, None without any.

    Python may be in a folder that the account may not read, such as root's. Then a capability
    lets it read all files.
    """
    if account is None:
        return ()
    setpriv = "setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"
    allowed = (
        (f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}")
        for capability in ("dac_read_search", "dac_override")
    )
    prefixes = (setpriv, *((*setpriv, *each) for each in allowed))
    return next((prefix for prefix in prefixes if _runs_patroni(prefix)), None)


def _runs_patroni(prefix: tuple[str, ...]) -> bool:
    try:
        done = subprocess.run(
            [*prefix, sys.executable, "-c", _STARTS_PYTHON],
            cwd="/",
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0
