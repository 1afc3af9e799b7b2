"""Bare SQL that fills the same tables, with the same indexes, from the log."""

import time
from pathlib import Path

import asyncpg

from bench.peers import compared
from rostra_adapters.postgres.views import schema

VERSION = 800
"""Version of the tables, beside those that are served."""
SECONDS_MAX = 3_600.0

_FILLING = Path(__file__).with_suffix(".sql").read_text()


async def rebuild(url: str) -> float:
    """The seconds it takes, indexes and statistics included. The tables stay."""
    connection = await asyncpg.connect(url, command_timeout=SECONDS_MAX)
    tables = compared.tables()
    try:
        began = time.perf_counter()
        for table in tables:
            await schema.create(connection, table, VERSION)
        await connection.execute("set jit = off")
        for statement in _FILLING.strip().split(";\n"):
            await connection.execute(statement.replace("{v}", str(VERSION)))
        for table in tables:
            await schema.index(connection, table, VERSION)
            for statement in schema.analyses(table, VERSION):
                await connection.execute(statement)
        return time.perf_counter() - began
    finally:
        await connection.close()
