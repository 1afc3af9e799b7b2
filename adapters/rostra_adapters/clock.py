"""The clock of the machine, as times of the log."""

from datetime import UTC, datetime

from rostra.times import Time, format_time


def now() -> Time:
    """Return the present moment."""
    return format_time(moment())


def moment() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)
