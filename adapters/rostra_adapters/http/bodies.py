"""JSON bodies of requests, decoded to a type."""

from functools import cache
from typing import TypeVar

import msgspec
from aiohttp import hdrs, web

from rostra.wire import strict_json
from rostra.wire.cloudevents import decode, faults
from rostra_adapters.http.messages import body_of, media_type
from rostra_adapters.http.problems import Problem

MEDIA_TYPES = ("application/json", "application/merge-patch+json")
PARTS_MAX = 4_000
"""Quotes of a body but for those within texts: one with more of them fits none of our types. And
brackets of a body whose depth is looked at: with more of them it is text, or does not fit."""

S = TypeVar("S", bound=msgspec.Struct)


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a request."""


@cache
def _decoder(kind: type[S]) -> "msgspec.json.Decoder[S]":
    return msgspec.json.Decoder(kind)


async def decode_body(request: web.Request, kind: type[S], *, bytes_max: int) -> S:
    """Return the body as a value of a type.

    Raises the problems `unsupported-media-type`, `too-large`, `request-timeout`, `not-json` and
    `invalid-body`.
    """
    name, is_utf_8 = media_type(request.headers.get(hdrs.CONTENT_TYPE, ""))
    if name not in MEDIA_TYPES or not is_utf_8:
        raise Problem("unsupported-media-type", f"send {MEDIA_TYPES[0]} in UTF-8")
    body = await body_of(request, bytes_max)
    try:
        strict_json.value(body, brackets_max=PARTS_MAX)
        if body.count(b'"') - body.count(b'\\"') > PARTS_MAX:
            raise Problem("invalid-body", f"the body has more than {PARTS_MAX} quotes")
        fitting: S = decode(_decoder(kind), body)
        return fitting
    except strict_json.NotJson as error:
        raise Problem("not-json", str(error)) from None
    except msgspec.ValidationError as error:
        raise Problem("invalid-body", errors=faults(kind, body, error)) from None
