"""Names that guests may not take."""

import asyncio

from aiohttp import web

from rostra.names import is_reserved
from rostra.settings import Rules
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.labelled_names import LabelledNames
from rostra_adapters.http.problems import Problem


class GuestNames:
    """Protects a site's reserved names and those of its labelled persons."""

    def __init__(self, app: App) -> None:
        self._labelled = LabelledNames(app)

    async def check(self, site: str, rules: Rules, name: str) -> None:
        """Raise the problem `name-reserved` if no guest may take the name, or it looks like one."""
        protected = (*rules.reserved_names, *await self._labelled.of(site))
        # Unicode's table of look-alikes takes a while to load, once in a process.
        if await asyncio.to_thread(is_reserved, name, protected):
            raise Problem("name-reserved", f"the name {name!r} is reserved, or looks like one")


GUEST_NAMES = web.AppKey("guest_names", GuestNames)
