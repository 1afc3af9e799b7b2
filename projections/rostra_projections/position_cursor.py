"""Cursors of lists that are in the order of positions, which nothing ever changes."""

import base64
from uuid import UUID

import msgspec

from rostra_projections.listing import CURSOR_CHARACTERS_MAX, Bigint, CursorRefused


class PositionCursor(msgspec.Struct, frozen=True, array_like=True):
    """Of which log and list, left at which position."""

    log: str
    listing: tuple[str, ...]
    position: Bigint


_decoder = msgspec.json.Decoder(PositionCursor)


def encode_position(log: UUID, listing: tuple[str, ...], position: int) -> str:
    """A cursor as text that fits a URL."""
    cursor = PositionCursor(str(log), listing, position)
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode_position(text: str, log: UUID, listing: tuple[str, ...]) -> int:
    """The position again. Raises CursorRefused."""
    try:
        if len(text) > CURSOR_CHARACTERS_MAX:
            raise ValueError(text)
        padded = text + "=" * (-len(text) % 4)
        cursor = _decoder.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, msgspec.DecodeError):
        raise CursorRefused("bad-cursor", "this is no cursor of ours") from None
    if cursor.listing != listing:
        raise CursorRefused("bad-cursor", "the cursor is of a list with other parameters")
    if cursor.log != str(log):
        raise CursorRefused("log-changed", "the cursor is of another history of the log")
    return cursor.position
