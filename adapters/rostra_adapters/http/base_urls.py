"""Base of links: the root of a host, or a path under which a proxy serves us. Our origins."""

import re

from aiohttp import web
from yarl import URL

from rostra_adapters.http.auth.addresses import ADDRESSES
from rostra_adapters.http.settings import SETTINGS

X_FORWARDED_PREFIX = "X-Forwarded-Prefix"
_PREFIX = re.compile(r"(?:/(?!\.+(?:/|\Z))[A-Za-z0-9._~-]+){1,16}/?")
PREFIX_CHARACTERS_MAX = 200


def forwarded_prefix(request: web.BaseRequest) -> str:
    """Return the path before ours that a trusted proxy names, without a slash at its end."""
    prefix = request.headers.get(X_FORWARDED_PREFIX)
    if prefix is None or len(prefix) > PREFIX_CHARACTERS_MAX or not _PREFIX.fullmatch(prefix):
        return ""
    assert isinstance(request, web.Request)
    return prefix.rstrip("/") if request.app[ADDRESSES].is_proxy(request) else ""


def base_of(request: web.BaseRequest) -> str:
    """Return the text before our paths in links, without a slash at its end.

    That is the base URL, else the prefix that a trusted proxy names, else nothing.
    """
    assert isinstance(request, web.Request)
    return request.app[SETTINGS].base_url or forwarded_prefix(request)


def own_origins(request: web.Request) -> set[str]:
    """Return the origins of the service's own pages.

    A proxy may have ended TLS, so the scheme of the request's host is unknown.
    """
    origins = {f"{scheme}://{request.host}" for scheme in ("http", "https")}
    base_url = request.app[SETTINGS].base_url
    return origins if base_url is None else {*origins, str(URL(base_url).origin())}
