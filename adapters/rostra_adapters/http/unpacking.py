"""Bodies that come packed, unpacked in pieces of bounded size."""

import zlib
from collections.abc import Iterator

from aiohttp import hdrs, web

PLAIN = ("", "identity")
ENCODINGS = (*PLAIN, "gzip", "deflate")
PIECE_BYTES_MAX = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_DEFLATE_METHOD = 8
"""Low half of the first byte of zlib's form; some clients send `deflate` without that form."""


class Unpacker:
    """Unpacker of one body. Raises RequestPayloadError where the body is broken or not whole."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._stream = None if encoding in PLAIN else zlib.decompressobj(_GZIP)
        self._has_begun = False

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes of the body hold, in pieces."""
        if self._stream is None:
            yield data
            return
        if not self._has_begun:
            self._has_begun = True
            self._stream = zlib.decompressobj(self._window(data))
        piece = b""
        while data or len(piece) == PIECE_BYTES_MAX:
            if self._stream.eof:  # a gzip may hold several, and end in zeros
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._stream = zlib.decompressobj(self._window(data))
            try:
                piece = self._stream.decompress(data, PIECE_BYTES_MAX)
            except zlib.error:
                raise web.RequestPayloadError("the body cannot be unpacked") from None
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if piece:
                yield piece

    def check_end(self) -> None:
        """Check that the body, all of which has come, is whole."""
        if self._has_begun and self._stream is not None and not self._stream.eof:
            raise web.RequestPayloadError("the packed body is cut off")

    def _window(self, data: bytes) -> int:
        if self._encoding == "gzip":
            return _GZIP
        return zlib.MAX_WBITS if data[0] & 0xF == _DEFLATE_METHOD else -zlib.MAX_WBITS


def unpacker_of(request: web.BaseRequest) -> Unpacker:
    """Return the unpacker of a request's body; aiohttp's own runners have unpacked it."""
    is_packed = getattr(request.protocol, "bounded", None) is not None
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "").lower() if is_packed else ""
    return Unpacker(encoding)
