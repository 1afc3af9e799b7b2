"""The text of cursors: readers bring back what an earlier version of the service gave them."""

from collections.abc import Callable
from uuid import UUID

import pytest
from msgspec.structs import replace

from rostra.ids import Position
from rostra.log import LogHistory
from rostra.times import Time
from rostra_projections.cursors import (
    CURSOR_CHARACTERS_MAX,
    Cursor,
    CursorRefused,
    check_cursor,
    decode_position,
    decode_site_cursor,
    encode_cursor,
    encode_position,
    encode_site_cursor,
    peek_cursor,
)
from rostra_projections.listing import LastKey, Listing

LOG, ANOTHER_LOG = LogHistory(UUID(int=1)), LogHistory(UUID(int=2))
TIME = Time("2026-11-22T08:00:00.000000Z")
LISTING = Listing("top", UUID(int=2), "best", passage=UUID(int=3))
CURSOR = Cursor(str(LOG.id), 4, LISTING, 5, LastKey(True, 0.5, TIME, 6), 7, 20, 3, "a1b2c3")
COMMENTS = (
    "WyIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLDQseyJraW5kIjoidG9wIiwiZGlzY3Vzc2lvbiI6"
    "IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMiIsIm9yZGVyIjoiYmVzdCIsInBhcmVudCI6bnVsbCwi"
    "cGFzc2FnZSI6IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMyIsImlubGluZSI6ZmFsc2V9LDUsW3Ry"
    "dWUsMC41LCIyMDI2LTExLTIyVDA4OjAwOjAwLjAwMDAwMFoiLDZdLDcsMjAsMywiYTFiMmMzIl0"
)
DISCUSSIONS = (
    "WyIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLCJzIiwiMjAyNi0xMS0yMlQwODowMDowMC4wMDAw"
    "MDBaIiwiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDA4IiwyMF0"
)
POSITIONS = "WyIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLFsicGVuZGluZyIsInMiXSw5LDIwXQ"
COMMENTS_BEFORE = (
    "WyIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLDQseyJraW5kIjoidG9wIiwiZGlzY3Vzc2lvbiI6"
    "IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMiIsIm9yZGVyIjoiYmVzdCIsInBhcmVudCI6bnVsbCwi"
    "cGFzc2FnZSI6IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMyIsImlubGluZSI6ZmFsc2V9LDUsW3Ry"
    "dWUsMC41LCIyMDI2LTExLTIyVDA4OjAwOjAwLjAwMDAwMFoiLDZdLDdd"
)
DISCUSSIONS_BEFORE = (
    "WyIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLCJzIiwiMjAyNi0xMS0yMlQwODowMDowMC4wMDAw"
    "MDBaIiwiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDA4Il0"
)
POSITIONS_BEFORE = "WyIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLFsicGVuZGluZyIsInMiXSw5XQ"
"""Cursors of an earlier version, which names neither `limit` nor `replies`."""


def comments(text: str, log: LogHistory = LOG, *, limit: int = 20, replies: int = 3) -> Cursor:
    cursor = peek_cursor(text)
    check_cursor(cursor, LISTING, log, limit=limit, replies=replies)
    return cursor


def discussions(text: str, log: LogHistory = LOG, *, limit: int = 20) -> tuple[Time, UUID]:
    return decode_site_cursor(text, "s", log, limit)


def positions(text: str, log: LogHistory = LOG, *, limit: int = 20) -> int:
    return decode_position(text, log, ("pending", "s"), limit)


EACH = pytest.mark.parametrize(
    ("decode", "text", "found"),
    [
        (comments, COMMENTS, CURSOR),
        (discussions, DISCUSSIONS, (TIME, UUID(int=8))),
        (positions, POSITIONS, 9),
    ],
)


def test_the_text_of_cursors_does_not_change() -> None:
    assert encode_cursor(CURSOR) == COMMENTS
    assert encode_site_cursor("s", LOG, (TIME, UUID(int=8)), 20) == DISCUSSIONS
    assert encode_position(LOG, ("pending", "s"), 9, 20) == POSITIONS


@EACH
def test_a_cursor_is_read_again(decode: Callable[..., object], text: str, found: object) -> None:
    assert decode(text) == found


@EACH
def test_a_cursor_of_another_log_is_refused(
    decode: Callable[..., object], text: str, found: object
) -> None:
    with pytest.raises(CursorRefused, match="log-changed"):
        decode(text, ANOTHER_LOG)


def test_a_list_of_the_past_needs_the_log_up_to_there() -> None:
    """A failover lost what the list shows, but not its discussion's last change."""
    lost = LogHistory(ANOTHER_LOG.id, Position(6), {LOG.id: Position(6)})
    check_cursor(replace(CURSOR, past=None), LISTING, lost, limit=20, replies=3)
    with pytest.raises(CursorRefused, match="log-changed"):
        check_cursor(CURSOR, LISTING, lost, limit=20, replies=3)


@EACH
def test_text_that_is_no_such_cursor_is_refused(
    decode: Callable[..., object], text: str, found: object
) -> None:
    others = {COMMENTS, DISCUSSIONS, POSITIONS} - {text}
    too_long = "A" * (CURSOR_CHARACTERS_MAX + 1)
    for forged in ("", "é", "=", text[:-3], text + "AAAA", "bnVsbA", too_long, *others):
        with pytest.raises(CursorRefused, match="bad-cursor"):
            decode(forged)


OTHER_LISTS: list[Listing] = [
    Listing("flat", UUID(int=2), "best", passage=UUID(int=3)),
    Listing("top", UUID(int=2), "newest", passage=UUID(int=3)),
    Listing("top", UUID(int=2), "best"),
    Listing("top", UUID(int=2), "best", passage=UUID(int=4)),
    Listing("top", UUID(int=2), "best", passage=UUID(int=3), inline=True),
    Listing("top", UUID(int=9), "best", passage=UUID(int=3)),
    Listing("replies", UUID(int=2), "best", parent=UUID(int=5)),
]


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = peek_cursor(COMMENTS)
    for other in OTHER_LISTS:
        with pytest.raises(CursorRefused, match="bad-cursor"):
            check_cursor(cursor, other, LOG, limit=20, replies=3)
    for decode in (
        lambda: decode_site_cursor(DISCUSSIONS, "t", LOG, 20),
        lambda: decode_position(POSITIONS, LOG, ("pending", "t"), 20),
    ):
        with pytest.raises(CursorRefused, match="bad-cursor"):
            decode()


@EACH
def test_a_cursor_with_another_limit_is_refused(
    decode: Callable[..., object], text: str, found: object
) -> None:
    with pytest.raises(CursorRefused, match=r"bad-cursor: .* another `limit`"):
        decode(text, limit=21)


def test_a_refusal_names_each_parameter_that_changed() -> None:
    other = Listing("flat", UUID(int=2), "newest", passage=UUID(int=3))
    with pytest.raises(CursorRefused, match="another `order`, `flat`, `limit`, `replies`;"):
        check_cursor(CURSOR, other, LOG, limit=21, replies=4)


def test_cursors_of_an_earlier_version_go_on_with_any_limit() -> None:
    cursor = comments(COMMENTS_BEFORE, limit=50, replies=7)
    assert cursor.last == CURSOR.last
    assert discussions(DISCUSSIONS_BEFORE, limit=50) == (TIME, UUID(int=8))
    assert positions(POSITIONS_BEFORE, limit=50) == 9


def test_a_time_that_is_none_is_refused() -> None:
    text = encode_site_cursor("s", LOG, (Time("2026-99-22"), UUID(int=8)), 20)
    with pytest.raises(CursorRefused, match="bad-cursor"):
        discussions(text)


def test_a_cursor_of_an_earlier_epoch_goes_on_up_to_what_is_shared() -> None:
    held = LogHistory(UUID(int=2), Position(9), {LOG.id: Position(9)})
    lost = LogHistory(UUID(int=2), Position(4), {LOG.id: Position(4)})
    assert comments(COMMENTS, held).as_of == 5
    assert positions(POSITIONS, held) == 9
    assert discussions(DISCUSSIONS, lost)
    for decode, text in ((comments, COMMENTS), (positions, POSITIONS)):
        with pytest.raises(CursorRefused, match="log-changed"):
            decode(text, lost)
