"""Base of routes by which persons and moderators act."""

from collections.abc import Callable
from uuid import UUID

from aiohttp import web

from rostra.commands import AnyCommand
from rostra.deciding.handle import Outcome
from rostra.events import CommandContext
from rostra.times import Time
from rostra_adapters.application.app import App
from rostra_adapters.http.auth.actors import Actor, submit
from rostra_adapters.http.bodies import S, decode_body
from rostra_adapters.http.preconditions import seen_version
from rostra_adapters.http.routes.reads import ReadRoutes
from rostra_adapters.http.settings import HttpSettings


class PersonRoutes:
    """Decodes a person's request, and submits its command."""

    def __init__(
        self, app: App, settings: HttpSettings, reads: ReadRoutes, now: Callable[[], Time]
    ) -> None:
        self._app = app
        self._settings = settings
        self._reads = reads
        self._now = now

    async def _decode(self, request: web.Request, kind: type[S]) -> S:
        return await decode_body(request, kind, bytes_max=self._settings.person_request_bytes_max)

    async def _submit(
        self,
        request: web.Request,
        command: AnyCommand,
        act: CommandContext,
        made: UUID | None = None,
    ) -> Outcome:
        return await submit(request, self._settings, command, act, made=made)

    async def _seen_version(self, request: web.Request, comment: UUID, actor: Actor) -> int | None:
        return await seen_version(request, self._app, self._settings, self._reads, comment, actor)
