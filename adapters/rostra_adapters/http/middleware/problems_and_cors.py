"""What holds for every answer: problems instead of errors, and CORS."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from rostra.log import LogBusy, LogUnavailable
from rostra_adapters.errors import ViewBehind
from rostra_adapters.http.auth.readers import ORIGINS
from rostra_adapters.http.middleware.security_headers import NOSNIFF
from rostra_adapters.http.problems import Problem, response, retry_after
from rostra_projections.cursors import CursorRefused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

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


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong below becomes a problem, and what is ours to know goes to the log."""
    try:
        return await handler(request)
    except Problem as problem:
        return response(problem)
    except web.HTTPException as error:
        # aiohttp keeps it with the request, to which its frames lead back: the two would wait
        # for the garbage collector.
        error.__traceback__ = None
        return _refused(request, error)
    except web.RequestPayloadError:
        return response(Problem("bad-request", "the body did not come whole"))
    except CursorRefused as refused:
        return response(Problem(refused.name, refused.detail))
    except (ViewBehind, LogBusy, LogUnavailable) as error:
        return response(_not_now(error))
    except ConnectionResetError:  # the client is gone; nobody reads the answer
        raise
    except Exception:
        _logger.exception("%s %s broke", request.method, request.path)
        return response(Problem("internal-error"))


def _refused(request: web.Request, error: web.HTTPException) -> web.Response:
    """What aiohttp itself says no to; to be asked what there is, is none of it."""
    if isinstance(error, web.HTTPRedirection):
        return web.Response(
            status=error.status, headers={hdrs.LOCATION: error.headers[hdrs.LOCATION]}
        )
    problem = problem_of(error)
    if request.method == hdrs.METH_OPTIONS and isinstance(error, web.HTTPMethodNotAllowed):
        return web.Response(status=204, headers=problem.headers)
    return response(problem)


def problem_of(error: web.HTTPException) -> Problem:
    """What aiohttp itself says no to."""
    match error:
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted({*error.allowed_methods, hdrs.METH_OPTIONS}))
            return Problem("method-not-allowed", headers={"Allow": allowed})
        case web.HTTPNotFound():
            return Problem("not-found", "there is nothing at this path")
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


@web.middleware
async def preflights(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What a browser asks before it asks."""
    if request.method == hdrs.METH_OPTIONS and "Access-Control-Request-Method" in request.headers:
        return web.Response(status=204, headers=_preflight(request))
    return await handler(request)


def cors(request: web.Request, answer: web.StreamResponse) -> None:
    """Any origin may ask, unless the site whose page is shown names those that may. Done as the
    answer's head is made, since a stream has gone out long before its handler ends."""
    if hdrs.ACCESS_CONTROL_EXPOSE_HEADERS in answer.headers:  # kept with what else is the same
        return
    allowed = request.get(ORIGINS, ("*",))
    origin = request.headers.get(hdrs.ORIGIN)
    if "*" in allowed:
        answer.headers.update(ANY_ORIGIN)
        return
    vary = answer.headers.get("Vary")
    answer.headers["Vary"] = f"{vary}, Origin" if vary else "Origin"
    if origin in allowed:
        answer.headers["Access-Control-Allow-Origin"] = str(origin)
    answer.headers.update(ALWAYS)


def _preflight(request: web.Request) -> dict[str, str]:
    asked = request.headers.get("Access-Control-Request-Headers", "")
    return {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": asked or "Authorization, Content-Type",
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        "Vary": "Access-Control-Request-Headers",
    }
