"""`GET /v1/rules`: the rules of a resource's discussion, opened or not, for its readers."""

import msgspec
from aiohttp import web

from rostra import fields
from rostra.limits import BODY_BYTES_MAX
from rostra.settings import GuestVotes, Moderation, Order, Rules, Voting
from rostra_adapters.application.app import App
from rostra_adapters.http.auth.readers import Reader
from rostra_adapters.http.queries import Query
from rostra_adapters.http.routes.reads import ReadRoutes
from rostra_adapters.http.settings import HttpSettings


class RulesShape(msgspec.Struct, kw_only=True):
    """Settings that decide on the controls that a reader sees."""

    orders: tuple[Order, ...]
    voting: Voting
    self_votes: bool
    edit_seconds: int
    moderation: Moderation
    guests: bool
    guest_votes: GuestVotes
    open_on_first: bool
    body_bytes_max: int = BODY_BYTES_MAX
    """Bytes of a comment's body, in UTF-8."""
    may_mark: bool = False
    """True if persons may mark passages: by the setting, and the article's text is stored."""
    mails: bool = False
    """True if readers get mails about their subscriptions."""


class RuleReads:
    """Route of the rules of a discussion."""

    def __init__(self, app: App, settings: HttpSettings, reads: ReadRoutes) -> None:
        self._app = app
        self._settings = settings
        self._reads = reads

    def routes(self) -> list[web.RouteDef]:
        return [self._reads.get("/v1/rules", self._rules, "site", "resource")]

    async def _rules(self, query: Query, reader: Reader, _: web.Request) -> RulesShape:
        site = query.require("site", fields.SiteName)
        discussion = await self._app.lookup.discussion_of(
            site, query.require("resource", fields.Resource)
        )
        of_site = await reader.visit(site)
        access = await reader.access(discussion)
        # A private discussion is answered like an unknown one, with the site's rules.
        around = of_site if reader.may_read(site, of_site) else Rules()
        rules = around if access is None else access.rules
        shape = msgspec.convert(rules, RulesShape, from_attributes=True)
        if access is not None and rules.marking == "persons":
            shape.may_mark = await self._app.has_article_text(discussion)
        shape.mails = self._settings.mails
        return shape
