"""Routes of moderators, and the public logs of their acts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from rostra import fields, ids
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
from rostra.comment import Status
from rostra.deciding.handle import Commanded, Outcome, answer_each
from rostra.events import WordingRef
from rostra.log import Recorded
from rostra.refusals import Refusal
from rostra.times import Time
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.history import comment_of, comment_state
from rostra_adapters.application.queries.moderation import Moderating
from rostra_adapters.application.queries.moderation_search import ModerationSearch, SearchBusy
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.actors import (
    NAMED_BY_THE_URL,
    PASSAGE_NAMED_BY_THE_URL,
    Actor,
    enter,
    enter_as_moderator,
    submit,
)
from rostra_adapters.http.auth.readers import Reader, id_in_path
from rostra_adapters.http.bodies import Body
from rostra_adapters.http.messages import answer_with
from rostra_adapters.http.problems import (
    Problem,
    ProblemShape,
    not_found_problem,
    refusal_problem,
    retry_after,
)
from rostra_adapters.http.queries import AS_OF, Query
from rostra_adapters.http.routes.person_acts import DoneShape, done_shape
from rostra_adapters.http.routes.person_routes import PersonRoutes
from rostra_adapters.http.routes.reads import CURSOR, ReadRoutes, site_in_path
from rostra_adapters.http.settings import HttpSettings
from rostra_projections.moderation import Action, Queue
from rostra_projections.responses.shapes import ActsPage, FoundPage, QueuePage

ACTS_MAX = 100
SEARCH_RETRY_SECONDS = 2.0
SearchedWords = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
ACTIONS: dict[Action, type[ModerationCommand]] = {
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

    action: Action
    reason: fields.Reason | None = None
    wording: WordingRef | None = None

    def __post_init__(self) -> None:
        _check_wording(self.action, self.wording)


class ActOn(Body, frozen=True, kw_only=True):
    """Comment of an act in bulk, as the moderator has seen it.

    `wording` is that which is approved or rejected. `version` is that of the comment's shape: the
    act is refused if the comment has changed since.
    """

    id: UUID
    wording: WordingRef | None = None
    version: Annotated[int, Meta(ge=0)] | None = None


class NewActs(Body, frozen=True, kw_only=True):
    """One action on several comments."""

    acts: Annotated[tuple[ActOn, ...], Meta(min_length=1, max_length=ACTS_MAX)]
    action: Action
    reason: fields.Reason | None = None

    def __post_init__(self) -> None:
        for act in self.acts:
            _check_wording(self.action, act.wording)


def _check_wording(action: Action, wording: WordingRef | None) -> None:
    if wording is not None and not issubclass(ACTIONS[action], DecideOnWording):
        raise ValueError("`wording` is for `approve` and `reject`")


class ActResult(msgspec.Struct, kw_only=True):
    """Result of an act on one comment: its status and the position from which views show it."""

    id: UUID
    result: Literal["recorded", "unchanged", "rejected"]
    status: Status | UnsetType = UNSET
    pending: Literal[True] | UnsetType = UNSET
    version: int | UnsetType = UNSET
    position: int | UnsetType = UNSET
    problem: ProblemShape | UnsetType = UNSET


class ActResults(msgspec.Struct, kw_only=True):
    """Results in the order of the acts. `position` is that of the last recorded act, or 0."""

    position: int
    results: list[ActResult]


PASSAGE_ACTIONS: dict[str, type[PassageCommand]] = {
    "unmark": UnmarkPassage,
    "close": ClosePassage,
    "reopen": ReopenPassage,
}


class PassageRuling(Body, frozen=True, kw_only=True):
    """Act of a moderator on a passage."""

    action: Literal["unmark", "close", "reopen"]


class ModerationRoutes(PersonRoutes):
    """Routes of moderators for comments and passages, and the public logs."""

    def __init__(
        self, app: App, settings: HttpSettings, reads: ReadRoutes, now: Callable[[], Time]
    ) -> None:
        super().__init__(app, settings, reads, now)
        self._moderating = Moderating(app)
        self._search = ModerationSearch(
            app,
            comments_max=settings.search_comments_max,
            seconds_max=settings.search_seconds_max,
        )

    def routes(self) -> list[web.RouteDef]:
        get, paging = self._reads.get, ("limit", "cursor")
        return [
            get("/v1/moderation", self._queue, "site", "status", "person", *paging),
            get("/v1/moderation/search", self._find, "site", "q"),
            web.post("/v1/moderation/acts", self.act),
            get("/v1/discussions/{id}/moderation-log", self._acts, *paging, AS_OF),
            get("/v1/sites/{site}/moderation-log", self._site_acts, *paging),
            web.post("/v1/comments/{id}/moderation", self.moderate),
            web.post("/v1/passages/{id}/moderation", self.moderate_passage),
        ]

    async def _queue(self, query: Query, reader: Reader, request: web.Request) -> QueuePage:
        site, _ = await enter_as_moderator(query, reader, request)
        return await self._moderating.queue(
            site,
            query.one("status", Queue) or "held",
            limit=self._reads.limit(query),
            cursor=query.one("cursor", CURSOR),
            author=query.one("person", fields.PersonId),
        )

    async def _find(self, query: Query, reader: Reader, request: web.Request) -> FoundPage:
        site, _ = await enter_as_moderator(query, reader, request)
        words = query.require("q", SearchedWords)
        try:
            return await self._search.find(site, words)
        except SearchBusy:
            raise Problem(
                "too-many-requests",
                "another search is running; one runs at a time",
                headers=retry_after(SEARCH_RETRY_SECONDS),
            ) from None

    async def _site_acts(self, query: Query, reader: Reader, request: web.Request) -> ActsPage:
        site = site_in_path(request)
        rules = await reader.visit(site)
        limit, cursor = self._reads.limit(query), query.one("cursor", CURSOR)
        reader.made_of = None  # of any discussion of the site
        return await self._moderating.site_acts(
            site,
            limit=limit,
            cursor=cursor,
            viewer=reader.viewer(site),
            rules=rules,
            readable=reader.filter_of(site, rules),
            is_closed=not reader.may_read(site, rules),
            charge=lambda acts: self._reads.charge_site(request, acts),
        )

    async def _acts(self, query: Query, reader: Reader, request: web.Request) -> ActsPage | None:
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        asked = await reader.enter(discussion, as_of=query.as_of())
        if not await self._app.was_there(asked):
            return None
        limit, cursor = self._reads.limit(query), query.one("cursor", CURSOR)
        return await self._moderating.acts(asked, limit=limit, cursor=cursor)

    async def _version_flagged(self, comment: UUID) -> int | None:
        """Return the version of a flagged and published comment without a new wording; else None.

        A moderator who decides on flags without naming a wording has looked at the one that is
        shown. A held comment shows none. Raises the problem `precondition-failed` where another
        wording waits.
        """
        queued = await self._app.views.reads.queue_row(comment)
        if queued is None or queued.flagged_since is None:
            return None
        rows = (await self._app.log.read_streams([comment]))[comment]
        state = comment_of(rows)
        if state.moderated != "published":
            return None
        if state.pending is None:
            return len(rows)
        detail = "a new wording waits, too: name the `wording`, or send `If-Match`"
        raise Problem("precondition-failed", detail)

    async def act(self, request: web.Request) -> web.Response:
        """Do one action on several comments, and return a result for each."""
        tokens.require_token(request, "moderate")
        new = await self._decode(request, NewActs)
        actors = await self._actors(request, [act.id for act in new.acts])
        commands = [await self._commanded(act, new, actors[act.id]) for act in new.acts]
        outcomes = await answer_each(commands, self._app.submit)
        streams = await self._app.log.read_streams([act.id for act in new.acts])
        results = [
            self._result(act.id, outcome, streams[act.id])
            for act, outcome in zip(new.acts, outcomes, strict=True)
        ]
        recorded = [outcome.position or 0 for outcome in outcomes if outcome.status == "recorded"]
        return answer_with(request, ActResults(position=max(recorded, default=0), results=results))

    async def _actors(
        self, request: web.Request, comments: Sequence[UUID]
    ) -> Mapping[UUID, Actor | Refusal]:
        """Return the moderator in each comment's discussion, or why they cannot act there."""
        found: dict[UUID, Actor | Refusal] = {}
        for discussion in {ids.discussion_of(comment) for comment in comments}:
            try:
                found[discussion] = await enter(request, self._app, discussion, scope="moderate")
            except Problem as problem:
                found[discussion] = Refusal(problem.name, problem.detail or "")
        nothing = Refusal("not-found", not_found_problem().detail or "")
        return {
            comment: found[ids.discussion_of(comment)] if _is_comment(comment) else nothing
            for comment in comments
        }

    async def _commanded(
        self, act: ActOn, new: NewActs, actor: Actor | Refusal
    ) -> Commanded | Refusal:
        if isinstance(actor, Refusal):
            return actor
        command = _command(actor, act.id, new.action, new.reason, act.wording)
        seen = act.version
        if isinstance(command, DecideOnWording) and seen is None and command.wording is None:
            try:
                seen = await self._version_flagged(act.id)
            except Problem as problem:
                return Refusal(problem.name, problem.detail or "")
        context = msgspec.structs.replace(actor.act(self._now()), seen=seen)
        return Commanded(command, context, is_checked=True)

    def _result(self, comment: UUID, outcome: Outcome, rows: Sequence[Recorded]) -> ActResult:
        refusal = outcome.refusal
        if refusal is not None:
            name = "not-found" if refusal.name in NAMED_BY_THE_URL else refusal.name
            refusal = Refusal(name, refusal.detail, retryable=refusal.retryable)
            seconds = self._settings.retry_after_seconds
            problem = refusal_problem(refusal, retry_after_seconds=seconds)
            return ActResult(id=comment, result="rejected", problem=problem.shape())
        state = comment_of(rows)
        return ActResult(
            id=comment,
            result="recorded" if outcome.status == "recorded" else "unchanged",
            status=state.status,
            pending=UNSET if state.pending is None else True,
            version=len(rows),
            position=outcome.position or 0,
        )

    async def moderate(self, request: web.Request) -> web.Response:
        comment = id_in_path(request, ids.Kind.COMMENT)
        discussion = ids.discussion_of(comment)
        actor = await enter(request, self._app, discussion, scope="moderate")
        ruling = await self._decode(request, Ruling)
        command = _command(actor, comment, ruling.action, ruling.reason, ruling.wording)
        seen = await self._seen_version(request, comment, actor)
        if isinstance(command, DecideOnWording) and seen is None and command.wording is None:
            seen = await self._version_flagged(comment)
        act = msgspec.structs.replace(actor.act(self._now()), seen=seen)
        outcome = await self._submit(request, command, act)
        state = await comment_state(self._app.log, comment)
        done = done_shape(comment, state, outcome)
        return answer_with(request, done)

    async def moderate_passage(self, request: web.Request) -> web.Response:
        """Unmark a passage, close it to comments, or open it again."""
        passage = id_in_path(request, ids.Kind.PASSAGE)
        discussion = ids.discussion_of(passage)
        actor = await enter(request, self._app, discussion, scope="moderate")
        ruling = await self._decode(request, PassageRuling)
        command = PASSAGE_ACTIONS[ruling.action](
            site=actor.site, resource=actor.resource, passage_id=passage, by=actor.person
        )
        act = actor.act(self._now())
        outcome = await submit(request, self._settings, command, act, PASSAGE_NAMED_BY_THE_URL)
        return answer_with(request, DoneShape(id=passage, position=outcome.position or 0))


def _command(
    actor: Actor, comment: UUID, action: Action, reason: str | None, wording: WordingRef | None
) -> ModerationCommand:
    command = ACTIONS[action](
        site=actor.site,
        resource=actor.resource,
        comment_id=comment,
        by=actor.person,
        reason=reason,
    )
    if isinstance(command, DecideOnWording):
        return msgspec.structs.replace(command, wording=wording)
    return command


def _is_comment(id_: UUID) -> bool:
    return ids.is_ours(id_) and ids.kind_of(id_) == ids.Kind.COMMENT
