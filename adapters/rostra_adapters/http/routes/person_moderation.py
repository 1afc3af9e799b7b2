"""Routes of moderators about persons: the record, the comments, bans, trust and labels."""

from collections.abc import Callable
from typing import Literal, assert_never

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from rostra import fields
from rostra.commands import (
    BannedComments,
    BannedVotes,
    BanPerson,
    DistrustPerson,
    LabelPerson,
    PersonCommand,
    TrustPerson,
    UnbanPerson,
)
from rostra.settings import Label
from rostra.times import Time, parse_time
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.moderation import Moderating
from rostra_adapters.http.auth.actors import enter_as_moderator, moderator_of
from rostra_adapters.http.auth.readers import Reader
from rostra_adapters.http.bodies import Body
from rostra_adapters.http.messages import answer_with
from rostra_adapters.http.problems import not_found_problem
from rostra_adapters.http.queries import Query
from rostra_adapters.http.routes.person_routes import PersonRoutes
from rostra_adapters.http.routes.reads import CURSOR, ReadRoutes
from rostra_adapters.http.settings import HttpSettings
from rostra_projections.moderation import PersonAction
from rostra_projections.responses.shapes import PersonShape, QueuePage

_FIELDS: dict[PersonAction, frozenset[str]] = {
    "ban": frozenset({"reason", "until", "comments", "votes"}),
    "unban": frozenset({"restore"}),
    "trust": frozenset(),
    "distrust": frozenset(),
    "label": frozenset({"label"}),
}


class PersonRuling(Body, frozen=True, kw_only=True):
    """Act of a moderator on a person.

    `until`, `comments`, `votes` and `reason` are for `ban`, `restore` is for `unban`, and `label`
    (null for none) is for `label`.
    """

    action: PersonAction
    reason: fields.Reason | UnsetType | None = UNSET
    until: fields.Until | UnsetType | None = UNSET
    comments: BannedComments | UnsetType = UNSET
    votes: BannedVotes | UnsetType = UNSET
    restore: bool | UnsetType = UNSET
    label: Label | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        given = {name for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}
        if wrong := sorted(given - {"action"} - _FIELDS[self.action]):
            raise ValueError(f"`{wrong[0]}` is not for `{self.action}`")
        if self.action == "label" and self.label is UNSET:
            raise ValueError("Object missing required field `label`")
        if isinstance(self.until, str):
            try:
                parse_time(self.until)
            except ValueError as error:
                raise ValueError(f"`until` must be a time: {error}") from None


class PersonDone(msgspec.Struct, kw_only=True):
    """Result of an act on a person, and the position from which views show it."""

    id: str
    result: Literal["recorded", "unchanged"]
    position: int


class PersonModeration(PersonRoutes):
    """Routes of moderators for persons."""

    def __init__(
        self, app: App, settings: HttpSettings, reads: ReadRoutes, now: Callable[[], Time]
    ) -> None:
        super().__init__(app, settings, reads, now)
        self._moderating = Moderating(app)

    def routes(self) -> list[web.RouteDef]:
        get, person = self._reads.get, "/v1/persons/{person}"
        return [
            get(person, self._person, "site"),
            get(f"{person}/comments", self._comments, "site", "limit", "cursor"),
            web.post(f"{person}/moderation", self.moderate),
        ]

    async def _person(self, query: Query, reader: Reader, request: web.Request) -> PersonShape:
        site, rules = await enter_as_moderator(query, reader, request)
        return await self._moderating.person(site, person_in_path(request), rules.labels)

    async def _comments(self, query: Query, reader: Reader, request: web.Request) -> QueuePage:
        """Return all comments of a person on a site, the latest first."""
        site, _ = await enter_as_moderator(query, reader, request)
        return await self._moderating.queue(
            site,
            "recent",
            limit=self._reads.limit(query),
            cursor=query.one("cursor", CURSOR),
            author=person_in_path(request),
        )

    async def moderate(self, request: web.Request) -> web.Response:
        """Ban, trust or label a person, or take that back."""
        site = Query(request, known=("site",)).require("site", fields.SiteName)
        actor = await moderator_of(request, self._app, site)
        person = person_in_path(request)
        ruling = await self._decode(request, PersonRuling)
        command = _command(ruling, site, person, actor.person)
        act = actor.act(self._now())
        outcome = await self._submit(request, command, act)
        result: Literal["recorded", "unchanged"]
        result = "recorded" if outcome.status == "recorded" else "unchanged"
        done = PersonDone(id=person, result=result, position=outcome.position or 0)
        return answer_with(request, done)


def _command(ruling: PersonRuling, site: str, person: str, by: str) -> PersonCommand:
    match ruling.action:
        case "ban":
            return BanPerson(
                site=site,
                who=person,
                by=by,
                reason=ruling.reason or None,
                until=ruling.until or None,
                comments=ruling.comments or "keep",
                votes=ruling.votes or "keep",
            )
        case "unban":
            return UnbanPerson(site=site, who=person, by=by, restore=bool(ruling.restore))
        case "trust":
            return TrustPerson(site=site, who=person, by=by)
        case "distrust":
            return DistrustPerson(site=site, who=person, by=by)
        case "label":
            return LabelPerson(site=site, who=person, by=by, label=ruling.label or None)
        case _:
            assert_never(ruling.action)


def person_in_path(request: web.Request) -> str:
    """Return the person that the URL names. Raises the problem `not-found` for no person's id."""
    try:
        person: str = msgspec.convert(request.match_info["person"], fields.PersonId)
    except msgspec.ValidationError:
        raise not_found_problem() from None
    return person
