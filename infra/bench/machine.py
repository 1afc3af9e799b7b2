"""Machine and versions that a run was made on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import asyncpg

PACKAGES = ("aiohttp", "asyncpg", "eventsourcing", "msgspec", "psycopg", "uvloop")
SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level")


async def facts(url: str) -> dict[str, str]:
    """Return facts about the machine and the versions, by name."""
    connection = await asyncpg.connect(url)
    try:
        settings = {name: str(await connection.fetchval(f"show {name}")) for name in SETTINGS}
        postgres = str(await connection.fetchval("show server_version"))
    finally:
        await connection.close()
    return {
        "processors": str(os.cpu_count()),
        "processor": _of_file("/proc/cpuinfo", "model name"),
        "memory": _of_file("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": postgres,
        **{name: version(name) for name in PACKAGES},
        **settings,
    }


def _of_file(path: str, name: str) -> str:
    """The value of the first `name: value` of a file of the kernel's, "" where there is none."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    values = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(values, "")
