"""Problems in place of errors, and CORS headers, for every answer."""

import logging
from collections.abc import Collection

from aiohttp import hdrs, web
from multidict import CIMultiDict

from rostra.log import LogBusy, LogUnavailable
from rostra_adapters.errors import ViewBehind
from rostra_adapters.http.middleware.security_headers import NOSNIFF
from rostra_adapters.http.problems import Problem, response, retry_after
from rostra_projections.cursors import CursorRefused

SERVER = "rostra"
EXPOSED = (
    "Rostra-Position, Rostra-Log, ETag, Location, Retry-After, Date, Age, RateLimit, "
    "RateLimit-Policy"
)
ALWAYS = {
    hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: EXPOSED,
    hdrs.SERVER: SERVER,  # and not which versions of what
    **NOSNIFF,
}
ANY_ORIGIN = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*", **ALWAYS}
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
PREFLIGHT_SECONDS = 86_400
DATABASE_RETRY_SECONDS = 2.0

_logger = logging.getLogger(__name__)


def answer_of(request: web.Request, error: Exception) -> web.Response:
    """Answer with the problem of an error. Log an unexpected error.

    Raises ConnectionResetError again: the client has left, and nobody reads the answer.
    """
    match error:
        case Problem():
            return response(error)
        case web.HTTPException():
            # aiohttp keeps it with the request, to which its frames lead back: the two would wait
            # for the garbage collector.
            error.__traceback__ = None
            return _refused(error)
        case web.RequestPayloadError():
            return response(Problem("bad-request", "the body did not come whole"))
        case CursorRefused():
            return response(Problem(error.name, error.detail))
        case ViewBehind() | LogBusy() | LogUnavailable():
            return response(_not_now(error))
        case ConnectionResetError():
            raise error
        case _:
            _logger.error("%s %s broke", request.method, request.path, exc_info=error)
            return response(Problem("internal-error"))


def _refused(error: web.HTTPException) -> web.Response:
    if isinstance(error, web.HTTPRedirection):
        location = error.headers[hdrs.LOCATION]
        return web.Response(status=error.status, headers={hdrs.LOCATION: location})
    return response(problem_of(error))


def problem_of(error: web.HTTPException) -> Problem:
    """Return the problem of a request that aiohttp itself refuses."""
    match error:
        case web.HTTPRequestEntityTooLarge():
            return Problem("too-large")
        case web.HTTPExpectationFailed():
            return Problem("expectation-failed")
        case _:
            return Problem("bad-request", error.reason)


def _not_now(error: ViewBehind | LogBusy | LogUnavailable) -> Problem:
    match error:
        case ViewBehind():
            detail = f"the view has read up to {error.position}"
            return Problem("view-behind", detail, headers=retry_after(error.retry_after_seconds))
        case LogBusy():
            return Problem("busy", headers=retry_after(error.retry_after_seconds))
        case LogUnavailable():
            _logger.warning("the database is away: %s", error)
            return Problem("database-unavailable", headers=retry_after(DATABASE_RETRY_SECONDS))


def preflight(request: web.Request) -> web.Response:
    """Answer a CORS preflight."""
    return web.Response(status=204, headers=_preflight(request))


def cors(request: web.Request, headers: CIMultiDict[str], allowed: Collection[str]) -> None:
    """Add the CORS headers: any origin may ask, unless the site that is shown names those that may.

    Done before a head is sent, since that of a stream goes out long before its handler ends.
    """
    if hdrs.ACCESS_CONTROL_EXPOSE_HEADERS in headers:  # of a cached page
        return
    if "*" in allowed:
        headers.update(ANY_ORIGIN)
        return
    origin, vary = request.headers.get(hdrs.ORIGIN), headers.get("Vary")
    headers["Vary"] = f"{vary}, Origin" if vary else "Origin"
    if origin in allowed:
        headers["Access-Control-Allow-Origin"] = str(origin)
    headers.update(ALWAYS)


def _preflight(request: web.Request) -> dict[str, str]:
    asked = request.headers.get("Access-Control-Request-Headers", "")
    if not asked.isascii():  # what is not UTF-8 cannot be sent
        asked = ""
    return {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": asked or "Authorization, Content-Type",
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        "Vary": "Access-Control-Request-Headers",
    }
