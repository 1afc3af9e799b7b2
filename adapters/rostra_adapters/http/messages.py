"""Bodies: taken in within a limit, and given out encoded."""

from collections.abc import Mapping

from aiohttp import hdrs, web

from rostra_adapters.http.problems import Problem

JSON = "application/json"
ENCODINGS = ("", "identity", "gzip", "deflate")


async def body_of(request: web.Request, bytes_max: int) -> bytes:
    """The whole body. Raises the problem `too-large`, before reading it where it says its size,
    and `unsupported-media-type`."""
    check_encoding(request)
    if (request.content_length or 0) > bytes_max:
        raise _too_large(bytes_max)
    taken = bytearray()
    async for chunk in request.content.iter_any():
        taken += chunk
        if len(taken) > bytes_max:  # counted as unpacked, where it came compressed
            raise _too_large(bytes_max)
    return bytes(taken)


def check_encoding(request: web.Request) -> None:
    """What aiohttp does not unpack is not taken for what it is packed in. Raises the problem
    `unsupported-media-type`."""
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "").lower()
    if encoding not in ENCODINGS:
        takes = {"Accept-Encoding": "gzip, deflate"}
        raise Problem("unsupported-media-type", "`Content-Encoding` is another", headers=takes)


def _too_large(bytes_max: int) -> Problem:
    # What is left of the body is not read, so the connection cannot serve another request.
    limit = f"the limit is {bytes_max} bytes"
    return Problem("too-large", limit, headers={"Connection": "close"})


def answer(
    request: web.Request,
    body: bytes,
    *,
    compressed_bytes_min: int,
    status: int = 200,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """An answer, compressed where it is long and that was asked for."""
    given = {"Content-Type": media_type, **(headers or {})}
    response = web.Response(status=status, body=body, headers=given)
    if len(body) > compressed_bytes_min:
        vary = [response.headers["Vary"]] if "Vary" in response.headers else []
        response.headers["Vary"] = ", ".join([*vary, "Accept-Encoding"])
        if "Accept-Encoding" in request.headers:
            response.enable_compression()
    return response
