"""Programs of others as processes: UmaDB's server, and Isso on gevent as its handbook has it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from socket import socket

from bench.processes import READY_SECONDS_MAX, STOP_SECONDS_MAX, Failed

LISTED = Path(__file__).with_name("others.txt")
CLIENT = Path(__file__).with_name("umadb_client.py")
HOST = "127.0.0.1"

_ISSO = """
[general]
dbpath = {folder}/comments.db
host = http://bench/
[server]
listen = http://{host}:{port}
trusted-proxies = {host}
[guard]
enabled = false
"""


class Others:
    """The environment that they are installed in, made on first use and kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def install(self) -> None:
        """Raises Failed."""
        stamp = self._folder / "installed.txt"
        if stamp.is_file() and stamp.read_text() == LISTED.read_text():
            return
        await _run(sys.executable, "-m", "venv", str(self._folder))
        quiet = ("--quiet", "--disable-pip-version-check")
        await _run(self._program("python"), "-m", "pip", "install", *quiet, "-r", str(LISTED))
        stamp.write_text(LISTED.read_text())

    @asynccontextmanager
    async def umadb(self, data: Path) -> AsyncIterator[str]:
        """Its server on an empty database; yields its URL."""
        port = _free_port()
        arguments = ("--listen", f"{HOST}:{port}", "--db-path", str(data / "uma.db"))
        async with _serving(port, self._program("umadb"), *arguments):
            yield f"http://{HOST}:{port}"

    async def umadb_rate(self, url: str, events: Path, clients: int) -> float:
        """Events a second by its own client, each appended by itself; see `umadb_client.py`."""
        client = (self._program("python"), str(CLIENT), url, str(events), str(clients))
        return float(await _run(*client))

    @asynccontextmanager
    async def isso(self, data: Path) -> AsyncIterator[int]:
        """Isso on an empty database, its limits for readers switched off; yields its port."""
        port = _free_port()
        settings = data / "isso.cfg"
        settings.write_text(_ISSO.format(folder=data, host=HOST, port=port))
        async with _serving(port, self._program("isso"), "-c", str(settings), "run"):
            yield port

    def _program(self, name: str) -> str:
        return str(self._folder / "bin" / name)


def _free_port() -> int:
    with closing(socket()) as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


async def _run(*command: str) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    said, complained = await process.communicate()
    if process.returncode != 0:
        raise Failed(complained.decode())
    return said


@asynccontextmanager
async def _serving(port: int, *command: str) -> AsyncIterator[None]:
    """A server, from when it takes connections. What it says is not kept."""
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=nowhere, stderr=nowhere)
    try:
        async with asyncio.timeout(READY_SECONDS_MAX):
            while not await _answers(port):
                if process.returncode is not None:
                    raise Failed(f"{command[0]} ended with {process.returncode}")
                await asyncio.sleep(0.05)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
