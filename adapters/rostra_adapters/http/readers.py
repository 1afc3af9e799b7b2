"""Who reads, and what they may: private things and unknown ones answer alike."""

from uuid import UUID

from aiohttp import web

from rostra import ids
from rostra.settings import Rules
from rostra_adapters.app import App
from rostra_adapters.http import tokens
from rostra_adapters.http.problems import Problem
from rostra_projections.shapes import ANYONE, Viewer

READING_SCOPES = ("read", "moderate", "publish")
ORIGINS = web.RequestKey("origins", tuple[str, ...])
"""The site's `origins`, once a handler knows whose page it shows."""


class Reader:
    """One request's reader."""

    def __init__(self, request: web.Request, app: App, secret: str) -> None:
        self._request = request
        self._app = app
        self._token = tokens.of(request, secret)

    async def enter(self, discussion: UUID) -> Viewer:
        """Who they are in a discussion. Raises the problem `not-found` where it is unknown, or
        private and not for them."""
        access = await self._app.access(discussion)
        if access is None or not self._may_read(access.site, access.rules):
            raise Problem("not-found", "there is no such discussion")
        self._request[ORIGINS] = access.rules.origins
        return self.viewer(access.site)

    async def may_enter(self, discussion: UUID) -> bool:
        access = await self._app.access(discussion)
        return access is not None and self._may_read(access.site, access.rules)

    async def may_read_site(self, site: str) -> bool:
        rules = await self._app.site_rules(site)
        self._request[ORIGINS] = rules.origins
        return self._may_read(site, rules)

    def viewer(self, site: str) -> Viewer:
        """Persons see how they voted and what of theirs is held, moderators all."""
        token = self._token
        if token is None or not token.reaches(site):
            return ANYONE
        person = token.person if "comment" in token.scopes and token.site == site else None
        return Viewer(person=person, moderator="moderate" in token.scopes)

    def _may_read(self, site: str, rules: Rules) -> bool:
        if not rules.private:
            return True
        return self._token is not None and self._token.may(site, *READING_SCOPES)


def id_in_path(request: web.Request, kind: ids.Kind) -> UUID:
    """The id that the URL names. Raises the problem `not-found` where it can be none of ours."""
    try:
        found = UUID(request.match_info["id"])
    except ValueError:
        found = None
    if found is None or not ids.is_ours(found) or ids.kind_of(found) != kind:
        raise Problem("not-found", f"there is no such {kind.name.lower()}")
    return found
