"""JSON that the contract accepts: UTF-8, no lone surrogates, no NaN, at most 100 levels deep.

msgspec does not check everything in values that it skips: it finds wrong escapes and brackets
there, but neither invalid UTF-8 nor depth. This module checks both beforehand, in one pass.
"""

import re
from array import array
from itertools import accumulate
from typing import TypeVar

import msgspec
from msgspec import Raw

NESTING_MAX = 100
INTEGERS_MAX = 2**53
"""Greatest integer up to which every one is a number of its own in JSON (RFC 8259, section 6)."""

_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_OTHER_THAN_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", bytes([1, 1, 255, 255]))  # +1 and -1 as signed bytes

T = TypeVar("T")

_array = msgspec.json.Decoder(list[Raw])
_value = msgspec.json.Decoder(Raw)


class NotJson(ValueError):
    """These bytes are not JSON; the message says why, and where if it is known."""


class NotAnArray(ValueError):
    """JSON, but another value than an array."""


def value(body: bytes, *, brackets_max: int | None = None) -> Raw:
    """Return any value, checked as a whole. Raises NotJson.

    The depth of a body with more brackets than `brackets_max` is not looked at, which takes
    thirty times as long as the rest.
    """
    found = _decode(_value, body)
    if brackets_max is None or brackets(body) <= brackets_max:
        _check_depth(body, NESTING_MAX)
    return found


def elements(body: bytes) -> list[Raw]:
    """Return the elements of an array, checked as a whole. Raises NotJson or NotAnArray."""
    try:
        found = _decode(_array, body)
    except msgspec.ValidationError:
        value(body)
        raise NotAnArray("the body is not a JSON array") from None
    for element in found:
        _check_depth(bytes(element), NESTING_MAX - 1)
    return found


def _decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    try:
        if not body.isascii():
            body.decode()
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise NotJson(str(error)) from None
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise _too_deep() from None


def with_integers(json: bytes | Raw) -> bytes:
    """Return a value in which each number without a fraction, such as `1.0`, is an integer."""
    return msgspec.json.encode(_with_integers(msgspec.json.decode(json)))


def _with_integers(value: object) -> object:
    match value:
        case float() if value.is_integer() and abs(value) <= INTEGERS_MAX:
            return int(value)
        case list():
            return [_with_integers(each) for each in value]
        case dict():
            return {name: _with_integers(each) for name, each in value.items()}
    return value


def brackets(json: bytes) -> int:
    """Return how many brackets open, those within strings too: at least the depth."""
    return json.count(b"[") + json.count(b"{")


def _check_depth(json: bytes, most: int) -> None:
    # Counting brackets clears nearly everything at the speed of memory.
    if brackets(json) <= most:
        return
    steps = _STRINGS.sub(b"", json).translate(_STEPS, _OTHER_THAN_BRACKETS)
    if max(accumulate(array("b", steps)), default=0) > most:
        raise _too_deep()


def _too_deep() -> NotJson:
    return NotJson(f"nested deeper than {NESTING_MAX}")
