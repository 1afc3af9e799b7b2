"""Bearer tokens: JWT, HS256, signed with the service's secret."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
from aiohttp import web

from rostra.limits import PERSON_CHARACTERS_MAX
from rostra_adapters.http.problems import Problem

AUDIENCE = "rostra"
ALGORITHM = "HS256"
EVERY_SITE = "*"
SCOPES = ("publish", "comment", "read", "moderate", "admin")
TOKEN_CHARACTERS_MAX = 16_384


class Token(msgspec.Struct, frozen=True):
    """Who asks, and what they may: `site` is one site, `*`, or None for none at all."""

    person: str
    name: str | None
    scopes: frozenset[str]
    site: str | None

    def reaches(self, site: str) -> bool:
        return self.site in (EVERY_SITE, site)

    def may(self, site: str, *scopes: str) -> bool:
        """Whether it has one of the scopes for the site."""
        return self.reaches(site) and not self.scopes.isdisjoint(scopes)


def sign(
    secret: str,
    *,
    scope: str,
    person: str,
    name: str | None = None,
    site: str = EVERY_SITE,
    days: float = 365,
) -> str:
    """A token as text."""
    claims: dict[str, Any] = {
        "sub": person,
        "scope": scope,
        "site": site,
        "aud": AUDIENCE,
        "exp": datetime.now(UTC) + timedelta(days=days),
    }
    return jwt.encode(claims if name is None else {**claims, "name": name}, secret, ALGORITHM)


def of(request: web.Request, secret: str) -> Token | None:
    """The request's token, None without one. Raises the problem `unauthorized` for a bad one."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthorized("the scheme of `Authorization` is not Bearer")
    return read(text.strip(), secret)


def needed(request: web.Request, secret: str, scope: str) -> Token:
    """The request's token with a scope. Raises the problems `unauthorized`, `forbidden`."""
    token = of(request, secret)
    if token is None:
        raise _unauthorized("there is no token")
    if scope not in token.scopes:
        raise Problem("forbidden", f"the token does not have the scope `{scope}`")
    return token


def read(text: str, secret: str) -> Token:
    """A token that is ours, and in time. Raises the problem `unauthorized`."""
    if len(text) > TOKEN_CHARACTERS_MAX:
        raise _unauthorized("the token is too long")
    try:
        claims = jwt.decode(
            text,
            secret,
            algorithms=[ALGORITHM],  # the header's own word on it counts for nothing
            audience=AUDIENCE,
            options={"require": ["exp", "aud", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        raise _unauthorized("the token has expired") from None
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
        raise _unauthorized("the token is not valid here") from None
    return _token(claims)


def _token(claims: Mapping[str, object]) -> Token:
    person, name = claims["sub"], claims.get("name")
    scope, site = claims.get("scope", ""), claims.get("site")
    if (
        not isinstance(person, str)
        or not 0 < len(person) <= PERSON_CHARACTERS_MAX
        or not isinstance(scope, str)
        or not isinstance(site, str | None)
        or not isinstance(name, str | None)
    ):
        raise _unauthorized("a claim of the token does not fit")
    return Token(person, name, frozenset(scope.split()), site)


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="rostra"'})
