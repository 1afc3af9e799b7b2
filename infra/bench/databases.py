"""Databases of a run: loads that are made once and kept, and copies of them to spoil."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.fill import fill
from bench.generate import Load
from rostra_adapters.postgres import install
from rostra_projections.views import VIEWS

FORM = 2
"""Raised when the generator changes, so that kept loads are made again."""

_names = count(1)


class Databases:
    """Databases of the server that `url` names; its user must be a superuser."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, name: str) -> str:
        """Return the URL of a database of this server."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    async def loaded(self, load: Load) -> str:
        """The URL of a database with this load, which is to be left as it is. A load that
        was interrupted while it was made is made again.
        """
        name = f"{load.name}_{_form()}"
        if not await self._one("select count(*) from pg_database where datname = $1", name):
            print(f"making {name} …", flush=True)
            await self._drop("making")
            await self._execute("create database making")
            await fill(self.url("making"), load)
            await self._execute(f"alter database making rename to {name}")
        return self.url(name)

    @asynccontextmanager
    async def copy(self, load: Load) -> AsyncIterator[str]:
        """The URL of a copy of a load, gone afterwards; with the functions of today, though the
        load be older.
        """
        template = urlsplit(await self.loaded(load)).path.strip("/")
        async with self._passing(f"template {template} strategy file_copy") as url:
            connection = await asyncpg.connect(url)
            try:
                await install(connection)
            finally:
                await connection.close()
            yield url

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        """The URL of an empty database, gone afterwards."""
        async with self._passing("") as url:
            yield url

    @asynccontextmanager
    async def _passing(self, how: str) -> AsyncIterator[str]:
        name = f"bench_{next(_names)}"
        await self._drop(name)
        await self._execute(f"create database {name} {how}")
        try:
            yield self.url(name)
        finally:
            await self._drop(name)

    async def _drop(self, name: str) -> None:
        await self._execute(f"drop database if exists {name} with (force)")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _one(self, query: str, *arguments: object) -> object:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()


def _form() -> str:
    """Return a hash of a load's form: other code makes other tables of views."""
    views = [(view.name, view.shape, [t.types for t in view.tables]) for view in VIEWS.values()]
    return sha256(repr((FORM, views)).encode()).hexdigest()[:8]
