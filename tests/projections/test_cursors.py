"""The text of cursors: readers bring back what an earlier version of the service gave them."""

from collections.abc import Callable
from uuid import UUID

import pytest

from rostra.times import Time
from rostra_projections.cursors import (
    CURSOR_CHARACTERS_MAX,
    Cursor,
    CursorRefused,
    decode_cursor,
    decode_position,
    decode_site_cursor,
    encode_cursor,
    encode_position,
    encode_site_cursor,
)
from rostra_projections.listing import LastKey, Listing

LOG, ANOTHER_LOG = UUID(int=1), UUID(int=2)
TIME = Time("2026-11-22T08:00:00.000000Z")
LISTING = Listing("top", UUID(int=2), "best", passage=UUID(int=3))
CURSOR = Cursor(str(LOG), 4, LISTING, 5, LastKey(True, 0.5, TIME, 6), 7)
COMMENTS = (
    "WyIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLDQseyJraW5kIjoidG9wIiwiZGlzY3Vzc2lvbiI6"
    "IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMiIsIm9yZGVyIjoiYmVzdCIsInBhcmVudCI6bnVsbCwi"
    "cGFzc2FnZSI6IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMyIsImlubGluZSI6ZmFsc2V9LDUsW3Ry"
    "dWUsMC41LCIyMDI2LTExLTIyVDA4OjAwOjAwLjAwMDAwMFoiLDZdLDdd"
)
DISCUSSIONS = (
    "WyIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLCJzIiwiMjAyNi0xMS0yMlQwODowMDowMC4wMDAw"
    "MDBaIiwiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDA4Il0"
)
POSITIONS = "WyIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLFsicGVuZGluZyIsInMiXSw5XQ"


def comments(text: str, log: UUID = LOG) -> Cursor:
    return decode_cursor(text, LISTING, log)


def discussions(text: str, log: UUID = LOG) -> tuple[Time, UUID]:
    return decode_site_cursor(text, "s", log)


def positions(text: str, log: UUID = LOG) -> int:
    return decode_position(text, log, ("pending", "s"))


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
    assert encode_site_cursor("s", LOG, (TIME, UUID(int=8))) == DISCUSSIONS
    assert encode_position(LOG, ("pending", "s"), 9) == POSITIONS


@EACH
def test_a_cursor_is_read_again(decode: Callable[..., object], text: str, found: object) -> None:
    assert decode(text) == found


@EACH
def test_a_cursor_of_another_log_is_refused(
    decode: Callable[..., object], text: str, found: object
) -> None:
    with pytest.raises(CursorRefused, match="log-changed"):
        decode(text, ANOTHER_LOG)


@EACH
def test_text_that_is_no_such_cursor_is_refused(
    decode: Callable[..., object], text: str, found: object
) -> None:
    others = {COMMENTS, DISCUSSIONS, POSITIONS} - {text}
    too_long = "A" * (CURSOR_CHARACTERS_MAX + 1)
    for forged in ("", "é", "=", text[:-3], text + "AAAA", "bnVsbA", too_long, *others):
        with pytest.raises(CursorRefused, match="bad-cursor"):
            decode(forged)


def test_a_cursor_of_another_list_is_refused() -> None:
    for decode in (
        lambda: decode_cursor(COMMENTS, Listing("flat", UUID(int=2), "best"), LOG),
        lambda: decode_site_cursor(DISCUSSIONS, "t", LOG),
        lambda: decode_position(POSITIONS, LOG, ("pending", "t")),
    ):
        with pytest.raises(CursorRefused, match="bad-cursor"):
            decode()


def test_a_time_that_is_none_is_refused() -> None:
    text = encode_site_cursor("s", LOG, (Time("2026-99-22"), UUID(int=8)))
    with pytest.raises(CursorRefused, match="bad-cursor"):
        discussions(text)
