"""Cursors: text in which a reader of a list brings back where a page ended.

Each is a JSON array in URL-safe base64 without padding, and names the log and the list it is of.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from rostra.log import LogHistory
from rostra.times import Time, is_time
from rostra_projections.listing import Bigint, LastKey, Listing

CURSOR_CHARACTERS_MAX = 2_000

C = TypeVar("C")


class CursorRefused(Exception):
    """A cursor or `as_of` cannot be used.

    The name is `bad-cursor`, `cursor-too-old` or `log-changed`, or `bad-query` for an `as_of` in
    the future.
    """

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
        detail = "invalid cursor: no list of this service gave it"
        raise CursorRefused("bad-cursor", detail) from None


def _check_parameters(pairs: Mapping[str, tuple[object, object]]) -> None:
    """Raise CursorRefused if a parameter differs from that of the list's first page.

    `pairs` holds the cursor's value and the request's value by the parameter's name. None in a
    cursor equals any value: an earlier version made the cursor, or it begins a list.
    """
    others = [f"`{name}`" for name, (old, new) in pairs.items() if old is not None and old != new]
    if others:
        named = ", ".join(others)
        detail = f"it comes with another {named}; repeat the first page's, or omit the cursor"
        raise CursorRefused("bad-cursor", f"invalid cursor: {detail}")


def _another_list() -> CursorRefused:
    detail = "it belongs to another list; start again without a cursor"
    return CursorRefused("bad-cursor", f"invalid cursor: {detail}")


def check_log(of_cursor: str, position: int, log: LogHistory) -> None:
    """Raise CursorRefused for a cursor of another log, or of a position that this one lost."""
    try:
        is_held = log.holds(UUID(of_cursor), position)
    except ValueError:
        is_held = False
    if not is_held:
        detail = "the cursor belongs to another log; start again without it"
        raise CursorRefused("log-changed", detail)


_anything = msgspec.json.Decoder(list[Any])


def position_of_cursor(text: str) -> int:
    """Return the position that a view must have read for a cursor of any list to go on.

    0 for a cursor that does not depend on one. Raises CursorRefused.
    """
    parts = _decode(text, _anything.decode, lambda _: None)
    for index in (2, 3):  # lists by position, and lists of comments
        if len(parts) > index and isinstance(parts[index], int):
            return int(parts[index])
    return 0


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
    limit: Bigint | None = None
    """Comments a page; None: any number, for the first page of a comment's replies."""
    replies: Bigint | None = None
    """Replies shown below a comment; None as for `limit`."""
    lineage: str | None = None
    """Lineage of the views that showed the first page; None if it was folded from the log."""


_cursor_decoder = msgspec.json.Decoder(Cursor)


def encode_cursor(cursor: Cursor) -> str:
    """Return the text of a cursor."""
    return _encode(cursor)


def _last_time(cursor: Cursor) -> Time | None:
    return None if cursor.last is None else cursor.last.posted_at


def peek_cursor(text: str) -> Cursor:
    """Return a cursor, of whatever list and log. Raises CursorRefused."""
    return _decode(text, _cursor_decoder.decode, _last_time)


def check_cursor(
    cursor: Cursor, listing: Listing, log: LogHistory, *, limit: int, replies: int
) -> None:
    """Raise CursorRefused for a cursor of another list, log, or with other parameters."""
    old = cursor.listing
    if (old.discussion, old.parent) != (listing.discussion, listing.parent):
        raise _another_list()
    _check_parameters(
        {
            "order": (old.order, listing.order),
            "passage": (old.passage or "", listing.passage or ""),
            "inline": (old.inline, listing.inline),
            "flat": (old.kind, listing.kind),
            "limit": (cursor.limit, limit),
            "replies": (cursor.replies, replies),
        }
    )
    check_log(cursor.log, last_position(cursor), log)


def last_position(cursor: Cursor) -> int:
    """Return the last position that a list needs: of its first page, or of the past it shows."""
    return max(cursor.as_of, cursor.past or 0)


def refuse_old(cursor: Cursor, *, history: int, moves_from: int) -> None:
    """Raise CursorRefused if the view was rebuilt, or moves since the first page were pruned."""
    if cursor.history != history:
        raise CursorRefused(
            "cursor-too-old", "the view was rebuilt and has changed; restart from the first page"
        )
    if cursor.as_of < moves_from:
        raise CursorRefused("cursor-too-old", "cursor expired; restart from the first page")


# -- of a site's discussions by their activity, as they are today


class SiteCursor(msgspec.Struct, frozen=True, array_like=True):
    """Place in a site's list of discussions: after the discussion `id`."""

    log: str
    site: str
    active_at: Time
    id: UUID
    limit: Bigint | None = None


_site_decoder = msgspec.json.Decoder(SiteCursor)


def encode_site_cursor(site: str, log: LogHistory, last: tuple[Time, UUID], limit: int) -> str:
    """Return the text of a cursor after the last discussion's activity and id."""
    return _encode(SiteCursor(str(log.id), site, *last, limit))


def decode_site_cursor(text: str, site: str, log: LogHistory, limit: int) -> tuple[Time, UUID]:
    """Return the last discussion's activity and id. Raises CursorRefused."""
    cursor = _decode(text, _site_decoder.decode, lambda it: it.active_at)
    if cursor.site != site:
        raise _another_list()
    _check_parameters({"limit": (cursor.limit, limit)})
    check_log(cursor.log, 0, log)
    return cursor.active_at, cursor.id


# -- of a site's comments by their time, which nothing ever changes


class SiteCommentsCursor(msgspec.Struct, frozen=True, array_like=True):
    """Place in a site's list of comments: after the one posted at a time and position."""

    log: str
    site: str
    posted_at: Time
    position: Bigint
    limit: Bigint


_site_comments_decoder = msgspec.json.Decoder(SiteCommentsCursor)


def encode_site_comments_cursor(
    site: str, log: LogHistory, last: tuple[Time, int], limit: int
) -> str:
    """Return the text of a cursor after the last comment's time and position."""
    return _encode(SiteCommentsCursor(str(log.id), site, *last, limit))


def decode_site_comments_cursor(
    text: str, site: str, log: LogHistory, limit: int
) -> tuple[Time, int]:
    """Return the last comment's time and position. Raises CursorRefused."""
    cursor = _decode(text, _site_comments_decoder.decode, lambda it: it.posted_at)
    if cursor.site != site:
        raise _another_list()
    _check_parameters({"limit": (cursor.limit, limit)})
    check_log(cursor.log, cursor.position, log)
    return cursor.posted_at, cursor.position


# -- of lists in the order of positions, which nothing ever changes


class PositionCursor(msgspec.Struct, frozen=True, array_like=True):
    """Place in a list that is named by some words, at a position."""

    log: str
    listing: tuple[str, ...]
    position: Bigint
    limit: Bigint | None = None


_position_decoder = msgspec.json.Decoder(PositionCursor)


def encode_position(log: LogHistory, listing: tuple[str, ...], position: int, limit: int) -> str:
    """Return the text of a cursor at a position."""
    return _encode(PositionCursor(str(log.id), listing, position, limit))


def decode_position(text: str, log: LogHistory, listing: tuple[str, ...], limit: int) -> int:
    """Return the position. Raises CursorRefused."""
    cursor = _decode(text, _position_decoder.decode, lambda _: None)
    if cursor.listing != listing:
        raise _another_list()
    _check_parameters({"limit": (cursor.limit, limit)})
    check_log(cursor.log, cursor.position, log)
    return cursor.position
