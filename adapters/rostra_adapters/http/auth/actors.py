"""Actors: a person, or a moderator, in one discussion of the token's site."""

from collections.abc import Collection
from uuid import UUID, uuid4

import msgspec
from aiohttp import hdrs, web

from rostra import fields
from rostra.commands import AnyCommand
from rostra.deciding.handle import Outcome
from rostra.events import PERSONS, CommandContext
from rostra.limits import NAME_CHARACTERS_MAX
from rostra.names import cleaned_name, given_name, is_guest
from rostra.settings import Rules
from rostra.times import Time
from rostra_adapters.application.app import App
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.readers import Reader
from rostra_adapters.http.auth.tokens import Token
from rostra_adapters.http.base_urls import own_origins
from rostra_adapters.http.problems import Problem, not_found_problem, refusal_problem
from rostra_adapters.http.queries import Query
from rostra_adapters.http.request_state import STATE
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.http.writes import WRITES
from rostra_projections.responses.shapes import Viewer

NAMED_BY_THE_URL = ("unknown-comment", "unknown-discussion")
PASSAGE_NAMED_BY_THE_URL = ("unknown-passage", "unknown-discussion")


class Actor(msgspec.Struct, frozen=True):
    """A person where they act. `moderates`: by a token for it."""

    person: str
    token_name: str | None
    viewer: Viewer
    site: str
    resource: str
    moderates: bool

    @property
    def name(self) -> str:
        """Name that is shown with the actor's comments. Raises the problem `forbidden`."""
        if self.token_name is None:
            return cleaned_name(self.person[:NAME_CHARACTERS_MAX])
        try:
            return given_name(self.token_name)
        except ValueError as error:
            raise Problem(
                "forbidden", f"the token's `name` cannot be a person's: {error}"
            ) from None

    def act(self, now: Time, event: str | None = None) -> CommandContext:
        """Return the act that they do now; `event` is its name, where it has one."""
        name = str(uuid4()) if event is None else event
        return CommandContext(PERSONS, name, now, person=self.person, moderates=self.moderates)


async def enter(request: web.Request, app: App, discussion: UUID, *, scope: str) -> Actor:
    """Return the actor of a request in a discussion.

    Raises the problems `unauthorized` and `forbidden`. Raises `not-found` if the discussion is
    unknown, or private and the actor may not read it.
    """
    token = tokens.require_token(request, scope)
    access = await app.lookup.current_access(discussion, token.site)
    reader = Reader(request, app)
    if access is None or not reader.may_read(access.site, access.rules):
        raise not_found_problem()
    _must_act_there(request, token, access.site, access.rules, scope)
    return actor(token, reader, access.site, access.resource, moderates=scope == "moderate")


async def enter_site(request: web.Request, app: App) -> Actor:
    """Return the person of a token on its site. Raises `unauthorized` and `forbidden`."""
    token = tokens.require_token(request, "comment")
    site = token.site
    if site is None or site == tokens.EVERY_SITE:
        raise Problem("forbidden", "the token is not for one site")
    rules = await app.lookup.current_site_rules(site)
    _must_act_there(request, token, site, rules, "comment")
    return actor(token, Reader(request, app), site, "", moderates=False)


async def enter_as_moderator(
    query: Query, reader: Reader, request: web.Request
) -> tuple[str, Rules]:
    """Return the site of a moderator's read, with its rules.

    Raises the problems `unauthorized` and `forbidden`.
    """
    token = tokens.require_token(request, "moderate")
    site: str = query.require("site", fields.SiteName)
    if not token.reaches(site):
        raise Problem("forbidden", "the token is not for this site")
    return site, await reader.visit(site)


async def moderator_of(request: web.Request, app: App, site: str) -> Actor:
    """Return the moderator who acts on a site. Raises `unauthorized` and `forbidden`."""
    token = tokens.require_token(request, "moderate")
    if not token.reaches(site):
        raise Problem("forbidden", "the token is not for this site")
    rules = await app.lookup.current_site_rules(site)
    _must_act_there(request, token, site, rules, "moderate")
    return actor(token, Reader(request, app), site, "", moderates=True)


class Visit(msgspec.Struct, frozen=True):
    """Actor on a site, before it is known whether the discussion exists.

    If the discussion is `hidden` from the actor, the answer must equal that for an unknown one.
    """

    actor: Actor
    discussion: UUID
    hidden: bool


async def visit(request: web.Request, app: App, site: str, resource: str) -> Visit:
    """Return who acts on a site. Raises the problems `unauthorized` and `forbidden`."""
    token = tokens.require_token(request, "comment")
    discussion = await app.lookup.opened_discussion(site, resource)
    rules = await app.lookup.current_site_rules(site)
    access = await app.lookup.current_access(discussion, site)
    reader = Reader(request, app)
    hidden = not reader.may_read(site, rules if access is None else access.rules)
    shown = rules if reader.may_read(site, rules) else Rules()  # as if there were no such site
    if access is not None and not hidden:
        shown = access.rules
    _must_act_there(request, token, site, shown, "comment")
    return Visit(actor(token, reader, site, resource, moderates=False), discussion, hidden)


def actor(token: Token, reader: Reader, site: str, resource: str, *, moderates: bool) -> Actor:
    """Return the token's person. Raises the problem `forbidden` if the person has no name here."""
    try:
        person: str = msgspec.convert(token.person, fields.PersonId)
    except msgspec.ValidationError:
        raise Problem("forbidden", "the token's `sub` cannot be a person's") from None
    return Actor(person, token.name or None, reader.viewer(site), site, resource, moderates)


def _must_act_there(
    request: web.Request, token: Token, site: str, rules: Rules, scope: str
) -> None:
    """Raise the problem `forbidden` if the token does not allow the scope on the site.

    A person's token is for one site. A moderator's token may be for all sites. The service's own
    pages may act on every site: browsers send their `Origin` too.
    """
    request[STATE].origins = rules.origins
    request[STATE].rules = rules
    there = token.site == site if scope == "comment" else token.reaches(site)
    if not there:
        raise Problem("forbidden", "the token is not for this site")
    if is_guest(token.person) and not rules.guests:  # also with a token from before
        raise Problem("no-guests", f"{site} takes no guests")
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or "*" in rules.origins:
        return
    if origin not in rules.origins and origin not in own_origins(request):
        raise Problem("origin-not-allowed", f"the site does not name {origin[:200]}")


async def submit(
    request: web.Request,
    settings: HttpSettings,
    command: AnyCommand,
    act: CommandContext,
    named_by_the_url: Collection[str] = NAMED_BY_THE_URL,
    made: UUID | None = None,
) -> Outcome:
    """Submit a command if the limits on writes allow it. `made` is as in `Writes.submit`.

    Raises the problem of a refusal, and `not-found` if the command's URL names an unknown object.
    """
    outcome = await request.app[WRITES].submit(request, command, act, made)
    if outcome.refusal is None:
        return outcome
    if outcome.refusal.name in named_by_the_url:
        raise Problem("not-found", outcome.refusal.detail)
    raise refusal_problem(outcome.refusal, retry_after_seconds=settings.retry_after_seconds)
