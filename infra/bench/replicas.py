"""A PostgreSQL with a standby that streams from it, on loopback, gone afterwards."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

import msgspec

from rostra_adapters.local_postgres.programs import Programs, find_programs, own

SETTINGS = """
listen_addresses = '127.0.0.1'
shared_buffers = 256MB
wal_writer_delay = 10ms
hot_standby_feedback = on
wal_keep_size = 1GB
"""


class Server(msgspec.Struct, frozen=True):
    """URL of a server's database, and the id of its main process."""

    url: str
    pid: int


@asynccontextmanager
async def replicated(
    fill: Callable[[str], Awaitable[None]], *, durable: bool, scratch: Path | None = None
) -> AsyncIterator[tuple[Server, Server]]:
    """Yield a primary that was filled, and its standby. What is not `durable` is not flushed."""
    home = Path(mkdtemp(prefix="rostra-bench-", dir=scratch))
    programs = find_programs(home)
    own(home, programs.account)
    settings = SETTINGS if durable else f"{SETTINGS}fsync = off\nfull_page_writes = off\n"
    started: list[Path] = []
    try:
        primary = home / "primary"
        await _run(programs, "initdb", "-D", str(primary), "--username=rostra", "--auth=trust",
                   "--encoding=UTF8", "--locale=C")  # fmt: skip
        with (primary / "postgresql.conf").open("a") as file:
            file.write(settings)
        started.append(primary)
        first = await _start(programs, primary)
        await fill(first.url)
        standby = home / "standby"
        await _run(programs, "pg_basebackup", "-D", str(standby), "--write-recovery-conf",
                   "--checkpoint=fast", "--dbname", first.url)  # fmt: skip
        started.append(standby)
        yield first, await _start(programs, standby)
    finally:
        for folder in reversed(started):
            await _run(programs, "pg_ctl", "-D", str(folder), "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


async def _start(programs: Programs, folder: Path) -> Server:
    port = _free_port()
    await _run(programs, "pg_ctl", "-D", str(folder), "-w", "-l", f"{folder}.log",
               "-o", f"-p {port} -k {folder.parent}", "start")  # fmt: skip
    pid = int((folder / "postmaster.pid").read_text().split()[0])
    return Server(f"postgresql://rostra@127.0.0.1:{port}/postgres", pid)


async def _run(programs: Programs, program: str, *arguments: str) -> None:
    account = programs.account
    await asyncio.to_thread(
        subprocess.run,
        [str(programs.folder / program), *arguments],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
