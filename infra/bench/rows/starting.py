"""Time until the command line prints its help, and until the service is ready."""

import asyncio
import shlex
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Figure
from bench.processes import ROSTRA, Failed, run, served, started
from bench.rounds import alternate
from bench.setting import Setting
from rostra_adapters.local_postgres import lease as local_postgres
from rostra_adapters.local_postgres.cluster import Cluster, open_cluster, private_folder

STOP_SECONDS_MAX = 30


async def measure(setting: Setting) -> list[Figure]:
    """The data folder is one of its own, on the disk."""
    helped, bare = await alternate(setting.scale.rounds, lambda: _time(*ROSTRA, "--help"), _pass)
    with TemporaryDirectory(prefix="rostra-bench-", dir=setting.scratch) as folder:
        data = _open_to_all(Path(folder))
        local_postgres.start(data, durable=setting.scale.durable).release()
        await _serve(data)  # makes the tables
        ready, up = await alternate(
            setting.scale.rounds, lambda: _serve(data), lambda: _pg_ctl(data)
        )
    return [
        Figure(
            name="rostra --help",
            unit="ms",
            ours=helped,
            peer="python -c pass",
            peers=bare,
            rule="at most more",
            bar=150.0,
        ),
        Figure(
            name="rostra serve, to ready",
            unit="s",
            ours=ready,
            peer="pg_ctl start",
            peers=up,
            rule="at most more",
            bar=1.5,
        ),
    ]


def _open_to_all(data: Path) -> Path:
    """Open a folder to all: if we are root, PostgreSQL runs as another user."""
    data.chmod(0o755)
    return data


async def _pass() -> float:
    return await _time("-c", "pass")


async def _time(*arguments: str) -> float:
    began = time.perf_counter()
    await run(arguments)
    return 1e3 * (time.perf_counter() - began)


async def _serve(data: Path) -> float:
    """Seconds until it says where it listens; then it is stopped, and PostgreSQL with it."""
    began = time.perf_counter()
    async with started(*ROSTRA, "serve", "--data", str(data), "--port", "0") as process:
        await served(process)
        return time.perf_counter() - began


async def _pg_ctl(data: Path) -> float:
    cluster = open_cluster(data, durable=True)
    began = time.perf_counter()
    await asyncio.to_thread(_start, cluster)
    seconds = time.perf_counter() - began
    await asyncio.to_thread(cluster.stop)
    return seconds


def _start(cluster: Cluster) -> None:
    """Start PostgreSQL as the launcher does."""
    private_folder(cluster.sockets, cluster.programs)
    options = shlex.join(
        ("-c", "listen_addresses=", "-c", f"unix_socket_directories={cluster.sockets}")
    )
    ran = cluster.programs.run(
        "pg_ctl",
        "start",
        "--silent",
        "--wait",
        f"--options={options}",
        cluster=cluster.folder,
        log=cluster.log,
    )
    if ran.code != 0 or local_postgres.postmaster_pid(cluster.home.parent) is None:
        raise Failed(ran.said)
