"""Bearer tokens: JWT, signed with the service's secret (HS256) or with a key of its JWKS."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

import jwt
import msgspec
from aiohttp import web

from rostra.limits import PERSON_CHARACTERS_MAX
from rostra_adapters.http.jwks import Key
from rostra_adapters.http.problems import Problem

AUDIENCE = "rostra"
ALGORITHM = "HS256"
EVERY_SITE = "*"
SCOPES = ("publish", "comment", "read", "moderate", "admin")
TOKEN_CHARACTERS_MAX = 16_384
VERIFIED_KEPT_MAX = 4_096
VERIFIED_CHARACTERS_MAX = 2_048
KEYS: "web.AppKey[Sequence[Key]]" = web.AppKey("keys", Sequence)
"""The keys of others who may issue tokens."""


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


class Verified:
    """Tokens of one application that were verified, until they expire; those that were not
    used for longest are forgotten. A long token is not kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Token, int]] = OrderedDict()

    def token(self, text: str, secret: str, keys: Sequence[Key]) -> Token:
        """Raises the problem `unauthorized`."""
        known = self._kept.get(text)
        if known is not None:
            token, expires = known
            if time() < expires:
                self._kept.move_to_end(text)
                return token
            del self._kept[text]
        token, expires = _read(text, secret, keys)
        if len(text) <= VERIFIED_CHARACTERS_MAX:
            self._kept[text] = token, expires
            if len(self._kept) > VERIFIED_KEPT_MAX:
                self._kept.popitem(last=False)
        return token


VERIFIED = web.AppKey("verified", Verified)


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
    return request.app[VERIFIED].token(text.strip(), secret, request.app[KEYS])


def needed(request: web.Request, secret: str, scope: str) -> Token:
    """The request's token with a scope. Raises the problems `unauthorized`, `forbidden`."""
    token = of(request, secret)
    if token is None:
        raise _unauthorized("there is no token")
    if scope not in token.scopes:
        raise Problem("forbidden", f"the token does not have the scope `{scope}`")
    return token


def read(text: str, secret: str, keys: Sequence[Key] = ()) -> Token:
    """A token that is ours, and in time. Raises the problem `unauthorized`."""
    return _read(text, secret, keys)[0]


def _read(text: str, secret: str, keys: Sequence[Key]) -> tuple[Token, int]:
    """The token, and when it expires."""
    if len(text) > TOKEN_CHARACTERS_MAX:
        raise _unauthorized("the token is too long")
    try:
        _check_encoding(text)
        header = jwt.get_unverified_header(text)
        if header.get("alg") == ALGORITHM:
            claims = _verified(text, secret, ALGORITHM)
            return _token(claims), int(claims["exp"])
        return _granted(text, header, keys)
    except jwt.ExpiredSignatureError:
        raise _unauthorized("the token has expired") from None
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
        raise _unauthorized("the token is not valid here") from None


def _verified(text: str, key: Any, algorithm: str) -> dict[str, Any]:
    """The claims. The key decides upon the algorithm: the header's own word counts for nothing."""
    return jwt.decode(
        text,
        key,
        algorithms=[algorithm],
        audience=AUDIENCE,
        options={"require": ["exp", "aud", "sub"]},
    )


def verified_payload(text: str, key: Any, algorithm: str) -> bytes:
    """What is signed, at the step that checks the signature alone. Raises as `jwt` does."""
    _check_encoding(text)
    payload: bytes = jwt.PyJWS().decode_complete(text, key, algorithms=[algorithm])["payload"]
    return payload


def _check_encoding(text: str) -> None:
    """Base64url in one spelling alone: PyJWT passes over what is no part of it. Raises
    DecodeError."""
    for part in text.split("."):
        try:
            decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
        except ValueError:
            decoded = b""
        if urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
            raise jwt.DecodeError("not base64url")


def _granted(text: str, header: Mapping[str, Any], keys: Sequence[Key]) -> tuple[Token, int]:
    """What a token of another issuer grants, of what its key may. Raises as `jwt` does."""
    issuer = jwt.decode(text, options={"verify_signature": False}).get("iss")
    for key in keys:
        if key.fits(header.get("alg"), issuer, header.get("kid")):
            try:
                claims = _verified(text, key.public, key.entry.alg)
            except jwt.InvalidSignatureError:
                continue  # an issuer may have several keys without a name
            return _bounded(_token(claims), key), int(claims["exp"])
    raise jwt.InvalidKeyError


def _bounded(token: Token, key: Key) -> Token:
    entry = key.entry
    may = EVERY_SITE in entry.sites or token.site in entry.sites
    site = token.site if may else None
    return Token(token.person, token.name, token.scopes & entry.scopes, site)


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
