"""`GET /v1/discussions/{id}/live` and `GET /v1/live`: changes as server-sent events."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from uuid import UUID

from aiohttp import web

from rostra import fields, ids
from rostra_adapters.application.app import App
from rostra_adapters.application.live.updates import Batch, Channel, Channels, Live, TooOld
from rostra_adapters.application.queries.requests import DiscussionRequest
from rostra_adapters.http import sse
from rostra_adapters.http.auth.readers import Reader, id_in_path
from rostra_adapters.http.gate import StreamCounts
from rostra_adapters.http.middleware.limits import Limits
from rostra_adapters.http.problems import Problem, not_found_problem, retry_after
from rostra_adapters.http.queries import Query
from rostra_adapters.http.routes.feed import refuse_ahead
from rostra_adapters.http.settings import HttpSettings

AFTER = "after"
LIVE = web.AppKey("live", Live)
UNTAKEN_BYTES_MAX = 64 * 1024
"""Size of a connection's send buffer (SO_SNDBUF). By default the system holds megabytes for each
reader, so a slow reader would be noticed late."""
POLL_SECONDS = 30
"""Time after which a reader without a stream may look again."""
COMMENTS_A_REQUEST = 5
"""Comments read for a reader who was away, which count as one request."""
PARAMETERS = (AFTER, "min_position", "wait")
SITE = "site"
DISCUSSION = "discussion"


class LiveUpdates:
    """Handler of live streams. All readers of a discussion receive the same public changes."""

    def __init__(self, app: App, settings: HttpSettings, limits: Limits) -> None:
        self._app = app
        self._settings = settings
        self._limits = limits
        self.live = Live(app)
        self._counts = StreamCounts(settings.live_streams_per_address_max)

    async def end(self, _: web.Application) -> None:
        """End all streams when the service stops."""
        self.live.end()

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Stream the changes to one discussion."""
        after = await self._begin(request, Query(request, known=PARAMETERS))
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        asked = await Reader(request, self._app).enter(discussion)
        with self._admitted(request):
            async with AsyncExitStack() as stack:
                channel, position = await self._opened(stack, request, asked, after)
                await self._must_be_readable(request, discussion)
                return await self._pump(request, _Updates(channel), position, asked.log.id)

    async def several(self, request: web.Request) -> web.StreamResponse:
        """Stream the changes to several discussions of a site.

        Discussions that the reader may not read are left out.
        """
        query = Query(request, known=(*PARAMETERS, SITE, DISCUSSION))
        site = query.require(SITE, fields.SiteName)
        named = list(dict.fromkeys(query.all(DISCUSSION, UUID)))
        if not 1 <= len(named) <= self._settings.live_discussions_max:
            most = self._settings.live_discussions_max
            raise Problem("bad-query", f"`{DISCUSSION}` must be given once to {most} times")
        after = await self._begin(request, query)
        asked = [one for one in [await self._entered(request, site, it) for it in named] if one]
        if not asked:
            raise not_found_problem()
        with self._admitted(request):
            async with AsyncExitStack() as stack:
                channels, positions = [], []
                for one in asked:
                    channel, position = await self._opened(stack, request, one, after)
                    if await self._is_readable(request, one.discussion):
                        channels.append(channel)
                        positions.append(position)
                if not channels:
                    raise not_found_problem()
                merged = stack.enter_context(Channels(channels))
                source = _MergedUpdates(merged)
                return await self._pump(request, source, max(positions), asked[0].log.id)

    async def _entered(
        self, request: web.Request, site: str, discussion: UUID
    ) -> DiscussionRequest | None:
        """Return a discussion for its reader.

        Return None if it belongs to another site, is unknown, or the reader may not read it.
        """
        if not ids.is_ours(discussion) or ids.kind_of(discussion) != ids.Kind.DISCUSSION:
            return None
        reader = Reader(request, self._app)
        access = await reader.access(discussion)
        if access is None or access.site != site:
            return None
        return await reader.enter(discussion)

    async def _begin(self, request: web.Request, query: Query) -> int | None:
        """Return the position to go on from, None for now, once the views have read enough."""
        await self._wait(query)
        after = query.number(AFTER, default=0) if AFTER in request.query else None
        if sse.LAST_EVENT_ID in request.headers:
            after = sse.resume_position(request, after or 0)
        await refuse_ahead(self._app, after or 0)
        return after

    @contextmanager
    def _admitted(self, request: web.Request) -> Iterator[None]:
        """Count a stream while it lasts.

        Raises the problems `busy` and `too-many-streams`, and `cursor-too-old` if the position is
        too old.
        """
        self._admit()
        _keep_little(request)
        address = self._limits.addresses.reader(request)
        if self._counts.is_full(address):
            seconds = retry_after(POLL_SECONDS)
            raise Problem("too-many-streams", "read the discussion again later", headers=seconds)
        try:
            with self._counts.count_stream(address):
                yield
        except TooOld:
            raise Problem(
                "cursor-too-old", "read the discussion again, and go on from there"
            ) from None

    async def _opened(
        self,
        stack: AsyncExitStack,
        request: web.Request,
        asked: DiscussionRequest,
        after: int | None,
    ) -> tuple[Channel, int]:
        """Return a discussion's channel, and the position to go on from. Raises TooOld."""
        charge: Callable[[int], None] = lambda comments: self._limits.charge(  # noqa: E731
            request, comments / COMMENTS_A_REQUEST
        )
        reading = self.live.reading(asked.discussion, asked.site, after, charge)
        return await stack.enter_async_context(reading)

    async def _pump(
        self, request: web.Request, source: sse.Source, position: int, log: UUID
    ) -> web.StreamResponse:
        """Send changes until the stream ends."""
        log_id = self._app.log.log_id
        return await sse.pump(request, source, position, self._settings, log, log_id)

    async def _must_be_readable(self, request: web.Request, discussion: UUID) -> None:
        """Raise the problem `not-found` if the reader may not read the discussion."""
        if not await self._is_readable(request, discussion):
            raise Problem("not-found", "there is no such discussion")

    async def _is_readable(self, request: web.Request, discussion: UUID) -> bool:
        """Return whether the log lets the reader read the discussion, once the channel is open.

        Later changes of the settings end the channel. The views may not have earlier changes yet.
        """
        access = await self._app.lookup.current_access(discussion)
        reader = Reader(request, self._app)
        return access is not None and reader.may_read(access.site, access.rules)

    async def _wait(self, query: Query) -> None:
        default, most = self._settings.wait_seconds_default, self._settings.wait_seconds_max
        wait_seconds = query.seconds("wait", default=default, most=most)
        if least := query.number("min_position", default=0):
            await self._app.wait(least, wait_seconds)

    def _admit(self) -> None:
        """Raise the problem `busy` if there are too many streams."""
        if self.live.readers >= self._settings.followers_max or self.live.ending:
            seconds = retry_after(self._settings.retry_after_seconds)
            raise Problem("busy", "too many clients follow discussions", headers=seconds)


def _keep_little(request: web.Request) -> None:
    found = None if request.transport is None else request.transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNTAKEN_BYTES_MAX)


class _Updates:
    """Stream for one reader."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @property
    def ended(self) -> bool:
        return self._channel.ended

    async def next(self, position: int) -> tuple[bytes, int]:
        try:
            batch = self._channel.after(position)
        except TooOld:
            raise sse.TooSlow from None
        if batch is None:
            return b"", max(position, self._channel.upto)
        return _encoded(batch, position), batch.upto

    async def wait_for_more(self, position: int, wait_seconds: float) -> None:
        await self._channel.wait_for_more(position, wait_seconds)


class _MergedUpdates:
    """Merged changes for a reader of several discussions."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    @property
    def ended(self) -> bool:
        return self._channels.ended

    async def next(self, position: int) -> tuple[bytes, int]:
        upto = max(position, self._channels.upto)
        try:
            events = self._channels.after(position)
        except TooOld:
            raise sse.TooSlow from None
        data = b"".join(sse.event_bytes(one.position, one.json, one.name) for one in events)
        return data, upto

    async def wait_for_more(self, position: int, wait_seconds: float) -> None:
        await self._channels.wait_for_more(position, wait_seconds)


def _encoded(batch: Batch, after: int) -> bytes:
    """Once for all who take the whole batch."""
    if after <= batch.after:
        batch.encoded = batch.encoded or _sse(batch, batch.after)
        return batch.encoded
    return _sse(batch, after)


def _sse(batch: Batch, after: int) -> bytes:
    return b"".join(
        sse.event_bytes(one.position, one.json, one.name)
        for one in batch.events
        if one.position > after
    )
