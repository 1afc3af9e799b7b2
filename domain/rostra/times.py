"""Times are RFC 3339 text in UTC with six digits of fraction and `Z`.

Of one width, so that their order as text is their order in time.
"""

import re
from datetime import UTC, datetime, timedelta

import msgspec

Time = str
"""For example `2026-11-22T15:16:10.000000Z`: always 27 characters."""

LONG_AGO: Time = ""
"""Before every time: the order of what no act has set yet."""

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_OURS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d\.\d{6}Z", re.ASCII)
_MICROSECOND_DIGITS = 6
_SECONDS_END = 19


def format_time(moment: datetime) -> Time:
    """`moment` (any offset) as text."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    text: str = msgspec.to_builtins(utc)  # a tenth of what `isoformat` takes
    return text if utc.microsecond else f"{text[:_SECONDS_END]}.000000Z"


def to_datetime(time: Time) -> datetime:
    """The moment that a time of ours names."""
    return datetime.fromisoformat(time)


def parse_time(text: str) -> Time:
    """RFC 3339 with any offset; digits beyond the sixth are cut. Raises ValueError."""
    if _OURS.fullmatch(text) is not None:
        datetime.fromisoformat(text)
        return text
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
    """`time` moved by `seconds`."""
    return format_time(to_datetime(time) + timedelta(seconds=seconds))
