"""Readers of discussions. The answers for private and for unknown discussions are equal."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

import msgspec
from aiohttp import web

from rostra import ids
from rostra.deciding.stream_states import fold
from rostra.discussion import Discussion
from rostra.log import Recorded
from rostra.settings import Rules, given_settings
from rostra_adapters.application import read_position
from rostra_adapters.application.app import Access, App, site_prefix
from rostra_adapters.application.queries.comment_queries import Readable
from rostra_adapters.application.queries.requests import AsOf, DiscussionRequest
from rostra_adapters.application.stream_state_reader import events_of
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.problems import not_found_problem
from rostra_adapters.http.request_state import STATE
from rostra_projections.responses.shapes import ANYONE, Viewer

READING_SCOPES = ("read", "moderate", "publish")


class Reader:
    """One request's reader."""

    def __init__(self, request: web.Request, app: App) -> None:
        self._request = request
        self._app = app
        self._token = tokens.of(request)
        self.is_moderator = False  # of the discussion that was entered last
        self.made_of: set[int] | None = set()
        """The discussions (and sites) that the answer is made of; None where that is not known."""

    @property
    def person(self) -> str | None:
        """Person of the token; None without one."""
        return None if self._token is None else self._token.person

    async def access(self, discussion: UUID) -> Access | None:
        """Return the access to a discussion; None if unknown or not readable for the reader.

        Both cases cost the same. Only a reader with access gets the cached result. The answer
        depends on an unknown discussion, but not on a hidden one (see `invalidation.streams_of`).
        """
        await self._app.views.fresh()
        access = self._app.lookup.cached_access(discussion)
        if access is None or not self.may_read(access.site, access.rules):
            access = await self._app.lookup.read_access(discussion)
        if access is not None and not self.may_read(access.site, access.rules):
            return None
        self.is_made_of(ids.prefix_of(discussion))
        return access

    async def enter(
        self, discussion: UUID, *, as_of: AsOf | None = None, cursor: str | None = None
    ) -> DiscussionRequest:
        """Resolve a read of a discussion, once for all that an answer shows of it.

        Raises CursorRefused, and the problem `not-found` where the discussion is unknown, or
        private and not for the reader.
        """
        access = await self.access(discussion)
        if access is None:
            raise not_found_problem()
        self._request[STATE].origins = access.rules.origins
        self.is_made_of(site_prefix(access.site))
        viewer = self.viewer(access.site)
        self.is_moderator = viewer.moderator
        return await self._app.resolve(discussion, access, viewer, as_of=as_of, cursor=cursor)

    async def site_of(self, discussion: UUID) -> str:
        """Return the site of a discussion according to the log, for acts without a token.

        Raises the problem `not-found` like `enter`.
        """
        access = await self._app.lookup.current_access(discussion)
        if access is None or not self.may_read(access.site, access.rules):
            raise not_found_problem()
        self._request[STATE].origins = access.rules.origins
        return access.site

    async def visit(self, site: str) -> Rules:
        """Return the rules of a site. The answer allows its `origins` if the reader may read it."""
        rules = await self._app.lookup.site_rules(site)
        if self.may_read(site, rules):
            self._request[STATE].origins = rules.origins
        self.is_made_of(site_prefix(site))
        return rules

    def may_read(self, site: str, rules: Rules) -> bool:
        """Return whether the reader may read the site. Everybody may read a public one."""
        return not rules.private or self._may_read_private(site)

    def _may_read_private(self, site: str) -> bool:
        return self._token is not None and self._token.may(site, *READING_SCOPES)

    def filter_of(self, site: str, rules: Rules) -> Readable | None:
        """Return what chooses the discussions of a site that they may read; None for all."""
        if self._may_read_private(site):
            return None

        async def readable(discussions: Sequence[UUID]) -> set[UUID]:
            return await self.readable(site, rules, discussions)

        return readable

    async def readable(self, site: str, rules: Rules, discussions: Sequence[UUID]) -> set[UUID]:
        """Return those of a site's discussions that the reader may read, by one read of the log."""
        read_position.note(self._app.position())
        streams = await self._app.log.read_streams(discussions)
        known = {discussion for discussion, rows in streams.items() if rows}
        found = {
            discussion
            for discussion in known
            if self.may_read(site, _ruled(rules, streams[discussion]))
        }
        hidden = known - found
        self.is_made_of(*(ids.prefix_of(one) for one in discussions if one not in hidden))
        return found

    def is_made_of(self, *prefixes: int) -> None:
        """Record that the answer depends on the discussions with these prefixes."""
        if self.made_of is not None:
            self.made_of.update(prefixes)

    def viewer(self, site: str) -> Viewer:
        """Return the viewer that the token makes on a site.

        Persons see their votes and their own held comments, moderators see all.
        """
        token = self._token
        if token is None or not token.reaches(site):
            return ANYONE
        person = token.person if "comment" in token.scopes and token.site == site else None
        return Viewer(person=person, moderator="moderate" in token.scopes)


def _ruled(site: Rules, rows: Sequence[Recorded]) -> Rules:
    """Return the site's rules, overridden by the settings of a discussion."""
    state = fold(ids.Kind.DISCUSSION, events_of(rows))
    return msgspec.structs.replace(site, **given_settings(cast(Discussion, state).settings))


def id_in_path(request: web.Request, kind: ids.Kind) -> UUID:
    """Return the id in the URL. Raises the problem `not-found` if no object can have it."""
    try:
        found = UUID(request.match_info["id"])
    except ValueError:
        found = None
    if found is None or not ids.is_ours(found) or ids.kind_of(found) != kind:
        raise not_found_problem()
    return found
