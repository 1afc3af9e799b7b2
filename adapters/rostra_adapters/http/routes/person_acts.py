"""Acts of a person, from a browser: comments, votes, flags, passages.

Each is handled as a published event of the source `rostra:persons`. An `Idempotency-Key` makes the
id of the comment or the passage, so it holds for ever.
"""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID, uuid4

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from rostra import fields, ids
from rostra.commands import (
    Author,
    CastVote,
    EditComment,
    FlagComment,
    MarkPassage,
    Mentions,
    OpenDiscussion,
    PostComment,
    RemoveComment,
)
from rostra.comment import Comment, Status
from rostra.deciding.handle import Outcome
from rostra.deciding.person_rules import not_opened_by_readers
from rostra.limits import KEY_CHARACTERS_MAX
from rostra_adapters.application import read_position
from rostra_adapters.application.queries.history import comment_state
from rostra_adapters.errors import ViewBehind
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.actors import Actor, enter, visit
from rostra_adapters.http.auth.readers import id_in_path
from rostra_adapters.http.base_urls import base_of
from rostra_adapters.http.bodies import Body
from rostra_adapters.http.messages import answer_with
from rostra_adapters.http.middleware.page_cache import POSITION
from rostra_adapters.http.problems import Problem, refusal_problem
from rostra_adapters.http.routes.person_routes import PersonRoutes
from rostra_adapters.http.writes import WRITES

IDEMPOTENCY_KEY = "Idempotency-Key"
IdempotencyKey = Annotated[str, Meta(max_length=KEY_CHARACTERS_MAX, pattern=r"\A[ -~]+\Z")]


class NewComment(Body, frozen=True, kw_only=True):
    """`parent` and `passage` are ids. Each mentioned person has a comment in the discussion."""

    body: fields.Body
    parent: UUID | None = None
    passage: UUID | None = None
    mentions: Mentions = ()

    def __post_init__(self) -> None:
        fields.check_body(self.body)


class NewWording(Body, frozen=True, kw_only=True):
    body: fields.Body

    def __post_init__(self) -> None:
        fields.check_body(self.body)


class NewVote(Body, frozen=True, kw_only=True):
    """For, against, or 0 to take it back."""

    value: Annotated[int, Meta(ge=-1, le=1)]


class NewFlag(Body, frozen=True, kw_only=True):
    reason: fields.Reason


class NewPassage(Body, frozen=True, kw_only=True):
    """Offsets are in Unicode code points."""

    exact: fields.Quote
    prefix: fields.Context | None = None
    suffix: fields.Context | None = None
    start: fields.Offset | None = None
    end: fields.Offset | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError("`end` lies before `start`")
        fields.check_quote(self.exact)


Ignored = Annotated[str | None, Meta(description="Ignored: a publisher gives it.")]


class NewDiscussion(Body, frozen=True, kw_only=True):
    """`title` and `url` are taken from readers of earlier versions, and ignored."""

    site: fields.SiteName
    resource: fields.Resource
    title: Ignored = None
    url: Ignored = None


class DoneShape(msgspec.Struct, kw_only=True):
    """Result of an act: its subject and status, and the position from which views show it.

    `pending`: a new wording waits for the moderators, while the one before is shown.
    """

    id: UUID
    status: Status | UnsetType = UNSET
    pending: Literal[True] | UnsetType = UNSET
    position: int


def done_shape(comment: UUID, state: Comment, outcome: Outcome) -> DoneShape:
    """Return what became of a comment that something was done to."""
    return DoneShape(
        id=comment,
        status=state.status,
        pending=UNSET if state.pending is None else True,
        position=outcome.position or 0,
    )


class VoteShape(msgspec.Struct, kw_only=True):
    """The comment's votes with this one counted."""

    up: int
    down: int
    score: int
    my_vote: int
    position: int


class PersonActs(PersonRoutes):
    """Routes of a person's acts. Each raises the domain's refusals as problems."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put("/v1/discussions", self.open),
            web.post("/v1/discussions/{id}/comments", self.post),
            web.post("/v1/discussions/{id}/passages", self.mark),
            web.patch("/v1/comments/{id}", self.edit),
            web.delete("/v1/comments/{id}", self.delete),
            web.put("/v1/comments/{id}/vote", self.vote),
            web.post("/v1/comments/{id}/flag", self.flag),
        ]

    async def post(self, request: web.Request) -> web.Response:
        discussion = ids.discussion_of(id_in_path(request, ids.Kind.DISCUSSION))
        actor = await self._enter(request, discussion)
        new = await self._decode(request, NewComment)
        comment = ids.comment_id_of_person(discussion, actor.person, _idempotency_key(request))
        await self._must_take_part(discussion, new.mentions, comment)
        command = PostComment(
            site=actor.site,
            resource=actor.resource,
            comment_id=comment,
            author=Author(id=actor.person, name=actor.name),
            body=new.body,
            parent_id=new.parent,
            passage_id=new.passage,
            mentions=tuple(dict.fromkeys(new.mentions)),
        )
        act = actor.act(self._now(), str(comment))
        made = comment if IDEMPOTENCY_KEY in request.headers else None
        outcome = await self._submit(request, command, act, made)
        state = await comment_state(self._app.log, comment)
        assert state.posted is not None
        done = DoneShape(id=comment, status=state.posted.status, position=outcome.position or 0)
        return answer_with(
            request, done, status=201, headers=_location(request, f"/v1/comments/{comment}")
        )

    async def _must_take_part(
        self, discussion: UUID, persons: Sequence[str], comment: UUID
    ) -> None:
        """Raise the problem `unknown-person` where a person has no shown comment there.

        The views may lag behind the log: before anybody is refused, the views must have read what
        is recorded by now. A repeat of the same request is answered like the first.
        """
        if not await self._strangers(discussion, persons):
            return
        if (await comment_state(self._app.log, comment)).posted is not None:
            return
        await self._app.wait(await self._app.head(), self._settings.wait_seconds_default)
        if strangers := await self._strangers(discussion, persons):
            detail = f"{strangers[0]!r} has no comment in this discussion"
            raise Problem("unknown-person", detail)

    async def _strangers(self, discussion: UUID, persons: Sequence[str]) -> list[str]:
        """Return those of the persons who have no shown comment, as far as the views know."""
        if not persons:
            return []
        known = await self._app.views.reads.participants(discussion, persons)
        return [person for person in persons if person not in known]

    async def mark(self, request: web.Request) -> web.Response:
        discussion = ids.discussion_of(id_in_path(request, ids.Kind.DISCUSSION))
        actor = await self._enter(request, discussion)
        new = await self._decode(request, NewPassage)
        passage = ids.passage_id_of_person(discussion, actor.person, _idempotency_key(request))
        command = MarkPassage(
            site=actor.site,
            resource=actor.resource,
            passage_id=passage,
            exact=new.exact,
            prefix=new.prefix,
            suffix=new.suffix,
            start=new.start,
            end=new.end,
        )
        act = actor.act(self._now(), str(passage))
        made = passage if IDEMPOTENCY_KEY in request.headers else None
        outcome = await self._submit(request, command, act, made)
        done = DoneShape(id=outcome.id or passage, position=outcome.position or 0)
        # If somebody else has marked the same stretch, the answer names their passage.
        status = 201 if outcome.id == passage else 200
        return answer_with(request, done, status=status)

    async def edit(self, request: web.Request) -> web.Response:
        comment, actor = await self._at_comment(request)
        new = await self._decode(request, NewWording)
        seen = await self._seen_version(request, comment, actor)
        command = EditComment(
            site=actor.site,
            resource=actor.resource,
            comment_id=comment,
            body=new.body,
            by=actor.person,
        )
        return await self._done(request, comment, command, actor, seen)

    async def delete(self, request: web.Request) -> web.Response:
        comment, actor = await self._at_comment(request)
        seen = await self._seen_version(request, comment, actor)
        command = RemoveComment(
            site=actor.site, resource=actor.resource, comment_id=comment, by=actor.person
        )
        return await self._done(request, comment, command, actor, seen)

    async def flag(self, request: web.Request) -> web.Response:
        comment, actor = await self._at_comment(request)
        new = await self._decode(request, NewFlag)
        command = FlagComment(
            site=actor.site,
            resource=actor.resource,
            comment_id=comment,
            by=actor.person,
            reason=new.reason,
        )
        return await self._done(request, comment, command, actor)

    async def vote(self, request: web.Request) -> web.Response:
        """Record a vote; answer after the view counted it."""
        comment, actor = await self._at_comment(request)
        new = await self._decode(request, NewVote)
        command = CastVote(
            site=actor.site,
            resource=actor.resource,
            comment_id=comment,
            voter=actor.person,
            value=new.value,
        )
        now = self._now()
        writes = request.app[WRITES]
        async with writes.guest_vote(request, actor.person, comment, new.value, now):
            outcome = await self._submit(request, command, actor.act(now))
        await self._app.wait(outcome.position or 0, self._settings.wait_seconds_default)
        begun = self._app.position()
        with read_position.record_read_position() as seen:
            found = await self._app.views.reads.comment(comment)
        if found is None:  # the view of comments does not follow this discussion any more
            raise ViewBehind(begun, outcome.position or 0, self._settings.retry_after_seconds)
        _, row = found
        position = max(row.changed, outcome.position or 0)
        shape = VoteShape(
            up=row.up, down=row.down, score=row.score, my_vote=new.value, position=position
        )
        return answer_with(request, shape, headers={POSITION: str(seen.lowest or begun)})

    async def open(self, request: web.Request) -> web.Response:
        """Open a discussion, and return it; one that is open stays as it is."""
        tokens.require_token(request, "comment")
        new = await self._decode(request, NewDiscussion)
        visited = await visit(request, self._app, new.site, new.resource)
        discussion = visited.discussion
        command = OpenDiscussion(site=new.site, resource=new.resource)
        act = visited.actor.act(self._now())
        if visited.hidden:
            await request.app[WRITES].admit(request, command, act)
            refusal = not_opened_by_readers(new.site)
            raise refusal_problem(refusal, retry_after_seconds=self._settings.retry_after_seconds)
        outcome = await self._submit(request, command, act)
        await self._app.wait(outcome.position or 0, self._settings.wait_seconds_default)
        await self._enter(request, discussion)
        begun = self._app.position()
        with read_position.record_read_position() as seen:
            asked = await self._app.request(discussion)
            shape = None if asked is None else await self._app.queries.discussion(asked)
        status = 201 if outcome.status == "recorded" else 200
        headers = _location(request, f"/v1/discussions/{discussion}")
        headers[POSITION] = str(seen.lowest or begun)
        return answer_with(request, shape, status=status, headers=headers)

    # -- what several do

    async def _enter(self, request: web.Request, discussion: UUID) -> Actor:
        return await enter(request, self._app, discussion, scope="comment")

    async def _at_comment(self, request: web.Request) -> tuple[UUID, Actor]:
        comment = id_in_path(request, ids.Kind.COMMENT)
        return comment, await self._enter(request, ids.discussion_of(comment))

    async def _done(
        self,
        request: web.Request,
        comment: UUID,
        command: EditComment | RemoveComment | FlagComment,
        actor: Actor,
        seen: int | None = None,
    ) -> web.Response:
        act = msgspec.structs.replace(actor.act(self._now()), seen=seen)
        outcome = await self._submit(request, command, act)
        state = await comment_state(self._app.log, comment)
        done = done_shape(comment, state, outcome)
        return answer_with(request, done)


def _location(request: web.Request, path: str) -> dict[str, str]:
    return {hdrs.LOCATION: base_of(request) + path}


def _idempotency_key(request: web.Request) -> str:
    """Return the request's key, or a random one. Raises the problem `bad-request`."""
    given = request.headers.getall(IDEMPOTENCY_KEY, [])
    if not given:
        return uuid4().hex
    try:
        (text,) = given
        key: str = msgspec.convert(text, IdempotencyKey)
    except ValueError:
        raise Problem("bad-request", f"`{IDEMPOTENCY_KEY}` does not fit") from None
    return key
