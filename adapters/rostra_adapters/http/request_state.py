"""State of one request, which its handler and all that is around it share."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    from rostra.settings import Rules
    from rostra_adapters.http.auth.tokens import Token
    from rostra_adapters.http.middleware.limits import Left

ANY = ("*",)
TRACEPARENT = "traceparent"


class RequestState(msgspec.Struct):
    """Facts about one request."""

    trace: str
    """`traceparent` of our part in the request."""
    token: "Token | None" = None
    """Its token, once one was read."""
    left: "Left | None" = None
    """Requests that its caller has left; None without a limit."""
    origins: tuple[str, ...] = ANY
    """Origins that may read the answer: a site's own, once it is known whose page is shown."""
    rules: "Rules | None" = None
    """Rules where the person acts, once they were read from the log."""
    body: bytes | None = None
    """Body, once it was read, on a service that only reads: it may call the handler again."""

    def headers(self) -> dict[str, str]:
        """Return the headers that each answer has of its own."""
        trace = {TRACEPARENT: self.trace}
        return trace if self.left is None else {**self.left.headers(), **trace}


STATE = web.RequestKey("state", RequestState)
