"""Bodies: taken in within a limit, and given out encoded."""

from collections.abc import Mapping
from hashlib import blake2b

from aiohttp import hdrs, web

from rostra_adapters.http.problems import Problem

JSON = "application/json"
HTML = "text/html; charset=utf-8"
ETAG_BYTES = 12
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


def tagged(
    request: web.Request,
    body: bytes,
    *,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer with a body that shows no view: its ETag is its hash; 304 where the client has it."""
    etag = blake2b(body, digest_size=ETAG_BYTES).hexdigest()
    given = {hdrs.ETAG: f'"{etag}"', hdrs.CACHE_CONTROL: "no-cache", **(headers or {})}
    if any(one.value in (etag, "*") for one in request.if_none_match or ()):
        return web.Response(status=304, headers=given)
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: media_type, **given})
