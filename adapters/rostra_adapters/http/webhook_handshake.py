"""Handshake of webhooks that deliver CloudEvents (the HTTP webhook specification, section 4).

Every sender is allowed to deliver: each delivery needs a token.
"""

import re

from aiohttp import hdrs, web

PATH = "/v1/events"
REQUEST_ORIGIN = "WebHook-Request-Origin"
REQUEST_RATE = "WebHook-Request-Rate"
ALLOWED_ORIGIN = "WebHook-Allowed-Origin"
ALLOWED_RATE = "WebHook-Allowed-Rate"
ANY = "*"
_ORIGIN = re.compile(r"[!-~]{1,255}")
_RATE = re.compile(r"[1-9][0-9]{0,8}")


def webhook_handshake(request: web.BaseRequest) -> web.Response | None:
    """Answer a sender that asks for permission; None for any other request."""
    origin = request.headers.get(REQUEST_ORIGIN)
    if origin is None or request.path != PATH:
        return None
    rate = request.headers.get(REQUEST_RATE, "")
    headers = {
        hdrs.ALLOW: "GET, HEAD, OPTIONS, POST",
        ALLOWED_ORIGIN: origin if _ORIGIN.fullmatch(origin) else ANY,
        ALLOWED_RATE: rate if _RATE.fullmatch(rate) else ANY,
    }
    return web.Response(headers=headers)
