"""Times as RFC 3339 text in UTC with six digits of fraction and `Z`.

All have the same length, so that their order as text is their order in time.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NewType

import msgspec

Time = NewType("Time", str)
"""For example `2026-11-22T15:16:10.000000Z`: always 27 characters. Made by `time_of`,
`parse_time` or `format_time` alone."""

LONG_AGO = Time("")
"""Time before every other: the initial time of a field that no event has set yet."""

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_OURS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d\.\d{6}Z", re.ASCII)
# These times are valid without a look at a calendar: each month has a first to a 28th day.
_SURELY_OURS = re.compile(
    r"[1-9]\d{3}-(?:0[1-9]|1[012])-(?:0[1-9]|1\d|2[0-8])"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z",
    re.ASCII,
)
surely_ours = _SURELY_OURS.fullmatch
"""Match a text that is a time of the log in any calendar. Other texts may be times, too."""
_MICROSECOND_DIGITS = 6
_SECONDS_END = 19


def format_time(moment: datetime) -> Time:
    """Return the time of a moment, which may have any offset."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    text: str = msgspec.to_builtins(utc)  # a tenth of what `isoformat` takes
    return Time(text if utc.microsecond else f"{text[:_SECONDS_END]}.000000Z")


def time_of(moment: datetime | str) -> Time:
    """Return the time of a `datetime` with an offset, or of RFC 3339 text. Raises ValueError."""
    if isinstance(moment, str):
        return parse_time(moment)
    if moment.utcoffset() is None:
        raise ValueError("a datetime without an offset names no moment")
    try:
        return format_time(moment)
    except OverflowError:
        raise ValueError("a time outside the years 1 to 9999") from None


def is_time(text: str) -> bool:
    """Return whether a text has the one form that times have here."""
    if surely_ours(text) is not None:
        return True
    if _OURS.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def to_datetime(time: Time) -> datetime:
    """Return the moment that a time of the log names."""
    return datetime.fromisoformat(time)


def parse_time(text: str) -> Time:
    """Return the time that an RFC 3339 text with any offset names. Raises ValueError.

    Digits beyond the sixth are cut.
    """
    if _OURS.fullmatch(text) is not None:
        datetime.fromisoformat(text)
        return Time(text)
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError("not an RFC 3339 time with an offset")
    date, clock, fraction, offset = found.groups()
    digits = (fraction or "")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")
    if clock.endswith(":60"):  # a leap second is the last moment before the next minute
        clock, digits = f"{clock[:-2]}59", "9" * _MICROSECOND_DIGITS
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}.{digits}{offset.upper()}")
        return format_time(moment)
    except OverflowError:
        raise ValueError("a time outside the years 1 to 9999") from None


def later(time: Time, seconds: float) -> Time:
    """Return the time `seconds` after `time`; before it if `seconds` is negative."""
    return format_time(to_datetime(time) + timedelta(seconds=seconds))
