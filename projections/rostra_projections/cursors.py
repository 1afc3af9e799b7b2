"""Cursors: text in which a reader of a list brings back where a page ended.

Each is a JSON array in URL-safe base64 without padding, and names the log and the list it is of.
"""

import base64
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import msgspec

from rostra.times import Time, is_time
from rostra_projections.listing import Bigint, LastKey, Listing

CURSOR_CHARACTERS_MAX = 2_000

C = TypeVar("C")


class CursorRefused(Exception):
    """`bad-cursor`, `cursor-too-old` or `log-changed`; `bad-query` for an `as_of` that
    has not been yet."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


def _encode(cursor: msgspec.Struct) -> str:
    """Return a cursor as text that fits a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _decode(text: str, decode: Callable[[bytes], C], time_of: Callable[[C], Time | None]) -> C:
    """Return the cursor that `_encode` wrote; `time_of` returns its time, which is checked.

    Raises CursorRefused.
    """
    try:
        if len(text) > CURSOR_CHARACTERS_MAX:
            raise ValueError(text)
        padded = text + "=" * (-len(text) % 4)
        cursor = decode(base64.b64decode(padded, altchars=b"-_", validate=True))
        time = time_of(cursor)
        if time is not None and not is_time(time):
            raise ValueError(time)
        return cursor
    except (ValueError, msgspec.DecodeError):
        raise CursorRefused("bad-cursor", "this is no cursor of ours") from None


def _check_log(of_cursor: str, log: UUID) -> None:
    """Raise CursorRefused for a cursor of another history of the log."""
    if of_cursor != str(log):
        raise CursorRefused("log-changed", "the cursor is of another history of the log")


# -- of lists of comments


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Place in a list of comments, as of the position of its first page."""

    log: str
    history: Bigint
    """Number of histories that the view has had."""
    listing: Listing
    as_of: Bigint
    """Position of the first page."""
    last: LastKey | None
    """Key of the last comment; None: from the beginning."""
    past: Bigint | None = None
    """Position as of which the list itself is read; None where it is today's."""


_cursor_decoder = msgspec.json.Decoder(Cursor)


def encode_cursor(cursor: Cursor) -> str:
    """Return the text of a cursor."""
    return _encode(cursor)


def _last_time(cursor: Cursor) -> Time | None:
    return None if cursor.last is None else cursor.last.posted_at


def peek_cursor(text: str) -> Cursor:
    """Return a cursor, of whatever list and log. Raises CursorRefused."""
    return _decode(text, _cursor_decoder.decode, _last_time)


def decode_cursor(text: str, listing: Listing, log: UUID) -> Cursor:
    """Return a cursor of this list and log. Raises CursorRefused."""
    cursor = peek_cursor(text)
    if cursor.listing != listing:
        raise CursorRefused("bad-cursor", "the cursor is of a list with other parameters")
    _check_log(cursor.log, log)
    return cursor


def refuse_old(cursor: Cursor, *, history: int, moves_from: int) -> None:
    """Raise CursorRefused where it is no longer known what moved since page one."""
    if cursor.history != history:
        raise CursorRefused("cursor-too-old", "the view has been rebuilt, and has changed")
    if cursor.as_of < moves_from:
        raise CursorRefused("cursor-too-old", "what moved since is no longer kept")


# -- of a site's discussions by their activity, as they are today


class SiteCursor(msgspec.Struct, frozen=True, array_like=True):
    """Place in a site's list of discussions: after the discussion `id`."""

    log: str
    site: str
    active_at: Time
    id: UUID


_site_decoder = msgspec.json.Decoder(SiteCursor)


def encode_site_cursor(site: str, log: UUID, last: tuple[Time, UUID]) -> str:
    """Return the text of a cursor after the last discussion's activity and id."""
    return _encode(SiteCursor(str(log), site, *last))


def decode_site_cursor(text: str, site: str, log: UUID) -> tuple[Time, UUID]:
    """Return the last discussion's activity and id. Raises CursorRefused."""
    cursor = _decode(text, _site_decoder.decode, lambda it: it.active_at)
    if cursor.site != site:
        raise CursorRefused("bad-cursor", "the cursor is of another site's list")
    _check_log(cursor.log, log)
    return cursor.active_at, cursor.id


# -- of lists in the order of positions, which nothing ever changes


class PositionCursor(msgspec.Struct, frozen=True, array_like=True):
    """Place in a list that is named by some words, at a position."""

    log: str
    listing: tuple[str, ...]
    position: Bigint


_position_decoder = msgspec.json.Decoder(PositionCursor)


def encode_position(log: UUID, listing: tuple[str, ...], position: int) -> str:
    """Return the text of a cursor at a position."""
    return _encode(PositionCursor(str(log), listing, position))


def decode_position(text: str, log: UUID, listing: tuple[str, ...]) -> int:
    """Return the position. Raises CursorRefused."""
    cursor = _decode(text, _position_decoder.decode, lambda _: None)
    if cursor.listing != listing:
        raise CursorRefused("bad-cursor", "the cursor is of a list with other parameters")
    _check_log(cursor.log, log)
    return cursor.position
