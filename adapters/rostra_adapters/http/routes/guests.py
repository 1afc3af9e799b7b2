"""`POST /v1/guests`: a reader without an account takes part under a name, where the site says so.

A guest is a person like any other, with an id that nobody else has and a token that soon ends.
"""

import secrets

import msgspec
from aiohttp import web

from rostra import fields
from rostra.names import GUEST, given_name
from rostra.times import Time, later
from rostra_adapters.application.app import App
from rostra_adapters.clock import now
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.guest_names import GUEST_NAMES
from rostra_adapters.http.bodies import Body, decode_body
from rostra_adapters.http.messages import answer_with
from rostra_adapters.http.problems import Problem
from rostra_adapters.http.request_state import STATE
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.http.writes import WRITES

TOKEN_HOURS = 12.0
ID_BYTES = 12


class NewGuest(Body, frozen=True, kw_only=True):
    """Body of a request for a new guest. The name is shown with the guest's comments."""

    site: fields.SiteName
    name: fields.Name

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "name", given_name(self.name))


class GuestShape(msgspec.Struct, kw_only=True):
    """A token with the scope `comment` for one site, and whose it is."""

    token: str
    sub: str
    expires_at: Time


class Guests:
    """Route that makes guests."""

    def __init__(self, app: App, settings: HttpSettings) -> None:
        self._app = app
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/guests", self.enter)]

    async def enter(self, request: web.Request) -> web.Response:
        new = await decode_body(
            request, NewGuest, bytes_max=self._settings.person_request_bytes_max
        )
        rules = await self._app.lookup.current_site_rules(new.site)
        if not rules.private:
            request[STATE].origins = rules.origins
        if rules.private or not rules.guests:  # guests cannot read private sites
            raise Problem("no-guests", f"{new.site} takes no guests")
        await request.app[WRITES].admit_guest(request)
        await request.app[GUEST_NAMES].check(new.site, rules, new.name)
        person = GUEST + secrets.token_hex(ID_BYTES)
        until = later(now(), TOKEN_HOURS * 3_600)
        token = tokens.sign(
            self._settings.secret,
            scope="comment",
            person=person,
            name=new.name,
            site=new.site,
            days=TOKEN_HOURS / 24,
        )
        shape = GuestShape(token=token, sub=person, expires_at=until)
        return answer_with(request, shape, status=201)
