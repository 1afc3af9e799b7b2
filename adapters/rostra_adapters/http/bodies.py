"""JSON bodies of requests: of the right media type, JSON, and fitting a type."""

from typing import TypeVar

import msgspec
from aiohttp import web

from rostra import strict_json
from rostra.cloudevents import faults
from rostra_adapters.http.messages import body_of
from rostra_adapters.http.problems import Problem

MEDIA_TYPES = ("application/json", "application/merge-patch+json")

S = TypeVar("S", bound=msgspec.Struct)


async def decoded(request: web.Request, kind: type[S], *, bytes_max: int) -> S:
    """The body. Raises the problems `unsupported-media-type`, `too-large`, `not-json` and
    `invalid-body`."""
    charset = (request.charset or "utf-8").lower()
    if request.content_type not in MEDIA_TYPES or charset not in ("utf-8", "utf8"):
        raise Problem("unsupported-media-type", f"send {MEDIA_TYPES[0]} in UTF-8")
    body = await body_of(request, bytes_max)
    try:
        strict_json.value(body)
        return msgspec.json.decode(body, type=kind)
    except strict_json.NotJson as error:
        raise Problem("not-json", str(error)) from None
    except msgspec.ValidationError as error:
        raise Problem("invalid-body", errors=faults(kind, body, error)) from None
