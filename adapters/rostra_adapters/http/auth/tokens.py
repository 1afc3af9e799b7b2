"""Bearer tokens: JWT, signed with the service's secret (HS256) or with a key of its JWKS."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import time
from typing import Annotated, Any

import jwt
import msgspec
from aiohttp import web
from msgspec import Meta

from rostra import fields
from rostra.limits import DAY_SECONDS, PERSON_CHARACTERS_MAX
from rostra.names import OUR_IDS, is_guest
from rostra_adapters.application.revocations import Revocations
from rostra_adapters.http.auth.jwks import Entry, TokenKey
from rostra_adapters.http.auth.key_sources import KeySource
from rostra_adapters.http.problems import Problem
from rostra_adapters.http.request_state import STATE
from rostra_adapters.lru_cache import LruCache

AUDIENCE = "rostra"
ALGORITHM = "HS256"
EVERY_SITE = "*"
SCOPES = ("publish", "feed", "comment", "read", "moderate", "admin")
DAYS_DEFAULT = 30.0
CLOCK_SKEW_SECONDS_MAX = 60.0
"""Seconds that an issuer's clock may be ahead of ours."""
TIME_MAX = 253_402_300_799
"""The end of the year 9999."""
PARTS = 3
TIMER_SECONDS_MAX = 600.0
"""Seconds after which the clock is looked at again, which may have been set."""
TOKEN_CHARACTERS_MAX = 16_384
VERIFIED_KEPT_MAX = 4_096
VERIFIED_CHARACTERS_MAX = 2_048

NumericDate = Annotated[float, Meta(ge=0, le=TIME_MAX)]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """Claims of a verified token."""

    person: str
    name: str | None
    scopes: frozenset[str]
    site: str | None
    """One site, `*` for every site, or None for no site at all."""
    expires: float
    """Seconds since the epoch, as `issued`."""
    issued: float | None = None
    entry: Entry | None = None
    """The key that verified it, of those of other issuers."""

    def reaches(self, site: str) -> bool:
        """Return whether the token is for a site."""
        return self.site in (EVERY_SITE, site)

    def may(self, site: str, *scopes: str) -> bool:
        """Return whether the token has one of the scopes for a site."""
        return self.reaches(site) and not self.scopes.isdisjoint(scopes)


class _Header(msgspec.Struct):
    """The members of a token's header that decide on its key."""

    alg: str
    kid: str | None = None


class _Issuer(msgspec.Struct):
    iss: str


class _Claims(msgspec.Struct):
    sub: Annotated[str, Meta(max_length=PERSON_CHARACTERS_MAX, pattern=fields.PLAIN)]
    aud: str | list[str]
    exp: NumericDate
    iat: NumericDate | None = None
    nbf: NumericDate | None = None
    scope: str = ""
    site: str | None = None
    name: str | None = None
    guest: bool = False
    """Said in the tokens that Rostra makes for guests."""


_header = msgspec.json.Decoder(_Header)
_issuer = msgspec.json.Decoder(_Issuer)
_claims = msgspec.json.Decoder(_Claims)


class Verifier:
    """Reads the tokens of one application.

    Verified tokens are cached until they expire, the least recently used dropped first; a long
    token is not cached.
    """

    def __init__(self, secrets: Sequence[str], source: KeySource, revocations: Revocations) -> None:
        self._secrets = secrets
        self._source = source
        self._revocations = revocations
        self._watches: set[_Watch] = set()
        revocations.on_revocation(self._end_revoked)
        source.on_change(self._end_revoked)
        self._cache: LruCache[str, Token] = LruCache(VERIFIED_KEPT_MAX)

    def token(self, text: str) -> Token:
        """Return the token that a text is. Raises the problem `unauthorized`."""
        token = self._cache.find(text)
        if token is None or (token.entry is not None and self._has_lost_its_key(token)):
            token = read(text, self._secrets, self._source.keys)
            if len(text) <= VERIFIED_CHARACTERS_MAX:
                self._cache.put(text, token)
        self.check(token)
        return token

    def check(self, token: Token) -> None:
        """Raise the problem `unauthorized` where a verified token holds no longer."""
        if token.expires <= time():
            raise _unauthorized("the token has expired")
        if self._is_revoked(token):
            raise _unauthorized("the token was revoked")

    @contextmanager
    def watching(self, token: Token | None, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` once a token holds no longer, while the block runs."""
        if token is None:
            yield
            return
        watch = _Watch(token, end)
        self._watches.add(watch)
        try:
            watch.end_at_expiry()
            yield
        finally:
            self._watches.discard(watch)
            watch.cancel()

    def _is_revoked(self, token: Token) -> bool:
        is_lost = token.entry is not None and self._has_lost_its_key(token)
        return is_lost or self._revocations.is_revoked(token.person, token.site, token.issued)

    def _has_lost_its_key(self, token: Token) -> bool:
        """Return whether the key that verified it was withdrawn, or may grant something else."""
        entry = token.entry
        return entry is not None and all(key.entry != entry for key in self._source.keys)

    def _end_revoked(self) -> None:
        for watch in [one for one in self._watches if self._is_revoked(one.token)]:
            self._watches.discard(watch)
            watch.end()


class _Watch:
    """Ends something when its token ends."""

    def __init__(self, token: Token, end: Callable[[], None]) -> None:
        self.token = token
        self.end = end
        self._timer: asyncio.TimerHandle | None = None

    def end_at_expiry(self) -> None:
        left = self.token.expires - time()
        if left <= 0:
            self.end()
            return
        seconds = min(left, TIMER_SECONDS_MAX)
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end_at_expiry)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


VERIFIER = web.AppKey("verifier", Verifier)


def sign(
    secret: str,
    *,
    scope: str,
    person: str,
    name: str | None = None,
    site: str = EVERY_SITE,
    days: float = DAYS_DEFAULT,
) -> str:
    """Return a token as text."""
    now = time()
    claims: dict[str, Any] = {
        "sub": person,
        "scope": scope,
        "site": site,
        "aud": AUDIENCE,
        "iat": round(now, 6),
        "exp": int(now + days * DAY_SECONDS),
    }
    if is_guest(person):
        claims["guest"] = True
    return jwt.encode(claims if name is None else {**claims, "name": name}, secret, ALGORITHM)


def of(request: web.Request) -> Token | None:
    """Return the request's token, None without one. Raises the problem `unauthorized`.

    A token is read once a request, and checked whenever it is asked for.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    verifier, state = request.app[VERIFIER], request[STATE]
    if state.token is not None:
        verifier.check(state.token)
        return state.token
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthorized("the scheme of `Authorization` is not Bearer")
    token = state.token = verifier.token(text.strip())
    return token


def require_token(request: web.Request, *scopes: str) -> Token:
    """Return the request's token, which has one of the scopes.

    Raises the problems `unauthorized` and `forbidden`.
    """
    token = of(request)
    if token is None:
        raise _unauthorized("there is no token")
    if token.scopes.isdisjoint(scopes):
        raise Problem("forbidden", f"the token does not have the scope `{scopes[0]}`")
    return token


def read(text: str, secrets: Sequence[str], keys: Sequence[TokenKey] = ()) -> Token:
    """Return the token that a text is. Raises the problem `unauthorized`."""
    if len(text) > TOKEN_CHARACTERS_MAX:
        raise _unauthorized("the token is too long")
    try:
        header = _header.decode(_parts(text)[0])
        if header.alg == ALGORITHM:
            return _token(_verified_by_one(text, secrets), may_be_guest=True)
        return _granted(text, header, keys)
    except (jwt.PyJWTError, msgspec.DecodeError, ValueError, TypeError, AttributeError):
        raise _unauthorized("the token is not valid here") from None
    except (OverflowError, RecursionError):  # of what PyJWT reads itself
        raise _unauthorized("the token is not valid here") from None


def _verified_by_one(text: str, secrets: Sequence[str]) -> bytes:
    """Return the payload that one of the secrets signed. Raises the exceptions of `jwt`."""
    for secret in secrets:
        try:
            return verified_payload(text, secret, ALGORITHM)
        except jwt.InvalidSignatureError:
            continue
    raise jwt.InvalidSignatureError


def verified_payload(text: str, key: Any, algorithm: str) -> bytes:
    """Return the payload after checking only its signature. Raises the exceptions of `jwt`.

    The key decides on the algorithm. The header's algorithm must be the same.
    """
    _parts(text)
    payload: bytes = jwt.PyJWS().decode_complete(text, key, algorithms=[algorithm])["payload"]
    return payload


def _parts(text: str) -> list[bytes]:
    """Return header, payload and signature, decoded. Raises DecodeError.

    Only the canonical spelling of base64url is accepted. PyJWT would ignore other characters.
    """
    parts = text.split(".", PARTS)
    if len(parts) != PARTS:
        raise jwt.DecodeError("not three parts")
    return [_decoded(part) for part in parts]


def _decoded(part: str) -> bytes:
    try:
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        decoded = b""
    if urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise jwt.DecodeError("not base64url")
    return decoded


def _granted(text: str, header: _Header, keys: Sequence[TokenKey]) -> Token:
    """Return a token of another issuer, with what its key may grant. Raises as `jwt` does."""
    issuer = _issuer.decode(_parts(text)[1]).iss
    for key in keys:
        if key.fits(header.alg, issuer, header.kid):
            try:
                payload = verified_payload(text, key.public, key.entry.alg)
            except jwt.InvalidSignatureError:
                continue  # an issuer may have several keys without a name
            return _bounded(_token(payload, may_be_guest=False), key)
    raise jwt.InvalidKeyError


def _bounded(token: Token, key: TokenKey) -> Token:
    """Return a token with what its key may grant."""
    entry = key.entry
    may = EVERY_SITE in entry.sites or token.site in entry.sites
    return msgspec.structs.replace(
        token,
        scopes=token.scopes & entry.scopes,
        site=token.site if may else None,
        entry=entry,
    )


def _token(payload: bytes, *, may_be_guest: bool) -> Token:
    """Return the token of a payload. Raises the problem `unauthorized` and DecodeError."""
    claims, now = _claims.decode(payload), time()
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if AUDIENCE not in audiences:
        raise _unauthorized("the token is for another service")
    if claims.exp <= now:
        raise _unauthorized("the token has expired")
    if max(claims.nbf or 0, claims.iat or 0) > now + CLOCK_SKEW_SECONDS_MAX:
        raise _unauthorized("the token does not hold yet")
    is_guest_of_ours = may_be_guest and claims.guest and is_guest(claims.sub)
    if claims.sub.startswith(OUR_IDS) and not is_guest_of_ours:
        raise _unauthorized("the token's `sub` is an id that only Rostra gives out")
    return Token(
        person=claims.sub,
        name=claims.name,
        scopes=frozenset(claims.scope.split()),
        site=claims.site,
        expires=claims.exp,
        issued=claims.iat,
    )


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="rostra"'})
