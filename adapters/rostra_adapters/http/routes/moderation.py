"""Routes of moderators, and the public log of their acts."""

from collections.abc import Callable
from typing import Literal
from uuid import UUID

import msgspec
from aiohttp import hdrs, web

from rostra import fields as texts
from rostra import ids
from rostra.commands import (
    ApproveComment,
    ClosePassage,
    DecideOnWording,
    HoldComment,
    ModerationCommand,
    PassageCommand,
    PinComment,
    RejectComment,
    RemoveComment,
    ReopenPassage,
    RestoreComment,
    UnmarkPassage,
    UnpinComment,
)
from rostra.events import WordingRef
from rostra.times import Time
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.history import comment_of, comment_state
from rostra_adapters.application.queries.moderation import Moderating
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.actors import PASSAGE_NAMED_BY_THE_URL, enter, submit
from rostra_adapters.http.auth.readers import Reader, id_in_path
from rostra_adapters.http.bodies import decode_body
from rostra_adapters.http.messages import answer
from rostra_adapters.http.preconditions import seen_version
from rostra_adapters.http.problems import Problem
from rostra_adapters.http.queries import AS_OF, Query
from rostra_adapters.http.routes.persons import Body, DoneShape, done_shape
from rostra_adapters.http.routes.reads import CURSOR, ReadRoutes
from rostra_adapters.http.settings import HttpSettings
from rostra_projections.moderation import Queue
from rostra_projections.responses.shapes import ActsPage, QueuePage

ACTIONS: dict[str, type[ModerationCommand]] = {
    "approve": ApproveComment,
    "reject": RejectComment,
    "hold": HoldComment,
    "remove": RemoveComment,
    "restore": RestoreComment,
    "pin": PinComment,
    "unpin": UnpinComment,
}


class Ruling(Body, frozen=True, kw_only=True):
    """Body of a moderator's action on a comment.

    `wording` names the wording that is approved or rejected.
    """

    action: Literal["approve", "reject", "hold", "remove", "restore", "pin", "unpin"]
    reason: texts.Reason | None = None
    wording: WordingRef | None = None

    def __post_init__(self) -> None:
        if self.wording is not None and not issubclass(ACTIONS[self.action], DecideOnWording):
            raise ValueError("`wording` is for `approve` and `reject`")


PASSAGE_ACTIONS: dict[str, type[PassageCommand]] = {
    "unmark": UnmarkPassage,
    "close": ClosePassage,
    "reopen": ReopenPassage,
}


class PassageRuling(Body, frozen=True, kw_only=True):
    """Act of a moderator on a passage."""

    action: Literal["unmark", "close", "reopen"]


class Moderation:
    """The handlers."""

    def __init__(
        self, app: App, settings: HttpSettings, reads: ReadRoutes, now: Callable[[], Time]
    ) -> None:
        self._app = app
        self._settings = settings
        self._reads = reads
        self._now = now
        self._moderating = Moderating(app)

    def routes(self) -> list[web.RouteDef]:
        paging = ("limit", "cursor")
        return [
            self._reads.get("/v1/moderation", self._queue, "site", "status", *paging),
            self._reads.get("/v1/discussions/{id}/moderation-log", self._acts, *paging, AS_OF),
            web.post("/v1/comments/{id}/moderation", self.moderate),
            web.post("/v1/passages/{id}/moderation", self.moderate_passage),
        ]

    async def _queue(self, query: Query, reader: Reader, request: web.Request) -> QueuePage:
        token = tokens.require_token(request, "moderate")
        site = query.require("site", texts.SiteName)
        if not token.reaches(site):
            raise Problem("forbidden", "the token is not for this site")
        await reader.visit(site)
        return await self._moderating.queue(
            site,
            query.one("status", Queue) or "held",
            limit=self._limit(query),
            cursor=query.one("cursor", CURSOR),
            viewer=reader.viewer(site),
        )

    async def _acts(self, query: Query, reader: Reader, request: web.Request) -> ActsPage | None:
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        asked = await reader.enter(discussion, as_of=query.as_of())
        if not await self._app.was_there(asked):
            return None
        limit, cursor = self._limit(query), query.one("cursor", CURSOR)
        return await self._moderating.acts(asked, limit=limit, cursor=cursor)

    def _limit(self, query: Query) -> int:
        settings = self._settings
        return query.number("limit", default=settings.page_default, least=1, most=settings.page_max)

    async def _version_flagged(self, comment: UUID) -> int | None:
        """Return the version of a flagged comment that no new wording of waits for; else None.

        A moderator who decides on flags without naming a wording has looked at the one that is
        shown. Raises the problem `precondition-failed` where another waits.
        """
        queued = await self._app.views.reads.queue_row(comment)
        if queued is None or queued.flagged_since is None:
            return None
        rows = (await self._app.log.read_streams([comment]))[comment]
        if comment_of(rows).pending is None:
            return len(rows)
        detail = "a new wording waits, too: name the `wording`, or send `If-Match`"
        raise Problem("precondition-failed", detail)

    async def moderate(self, request: web.Request) -> web.Response:
        comment = id_in_path(request, ids.Kind.COMMENT)
        discussion = ids.discussion_of(comment)
        actor = await enter(request, self._app, discussion, scope="moderate")
        most = self._settings.person_request_bytes_max
        ruling = await decode_body(request, Ruling, bytes_max=most)
        command = ACTIONS[ruling.action](
            site=actor.site,
            resource=actor.resource,
            comment_id=comment,
            by=actor.person,
            reason=ruling.reason,
        )
        if isinstance(command, DecideOnWording):
            command = msgspec.structs.replace(command, wording=ruling.wording)
        seen = await seen_version(request, self._app, self._settings, self._reads, comment, actor)
        if isinstance(command, DecideOnWording) and seen is None and command.wording is None:
            seen = await self._version_flagged(comment)
        act = msgspec.structs.replace(actor.act(self._now()), seen=seen)
        outcome = await submit(request, self._app, self._settings, command, act)
        state = await comment_state(self._app.log, comment)
        done = done_shape(comment, state, outcome)
        return self._done(request, done)

    async def moderate_passage(self, request: web.Request) -> web.Response:
        """Unmark a passage, close it to comments, or open it again."""
        passage = id_in_path(request, ids.Kind.PASSAGE)
        discussion = ids.discussion_of(passage)
        actor = await enter(request, self._app, discussion, scope="moderate")
        most = self._settings.person_request_bytes_max
        ruling = await decode_body(request, PassageRuling, bytes_max=most)
        command = PASSAGE_ACTIONS[ruling.action](
            site=actor.site, resource=actor.resource, passage_id=passage, by=actor.person
        )
        act = actor.act(self._now())
        outcome = await submit(
            request, self._app, self._settings, command, act, PASSAGE_NAMED_BY_THE_URL
        )
        return self._done(request, DoneShape(id=passage, position=outcome.position or 0))

    def _done(self, request: web.Request, done: DoneShape) -> web.Response:
        return answer(
            request,
            msgspec.json.encode(done),
            headers={hdrs.CACHE_CONTROL: "no-store"},
            compressed_bytes_min=self._settings.compressed_bytes_min,
        )
