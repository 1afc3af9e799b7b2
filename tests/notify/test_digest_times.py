"""Hours of digests, in every time zone and where clocks are changed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from rostra.events import Words
from rostra_adapters.application.notify.sender import DAY_HOUR_DEFAULT, digest_time

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHANGING = [
    "Africa/Cairo",  # at midnight
    "America/Havana",
    "America/New_York",
    "America/Santiago",
    "Asia/Beirut",
    "Australia/Lord_Howe",  # by half an hour
    "Europe/Vienna",
]


def changes_of(zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the hours of a year after which the clocks of a zone are changed."""
    for number in range(365 * 24):
        at = YEAR + number * HOUR
        if at.astimezone(zone).utcoffset() != (at + HOUR).astimezone(zone).utcoffset():
            yield at


def exists(there: datetime) -> bool:
    """Return whether the clocks show a time."""
    return there.astimezone(UTC).astimezone(there.tzinfo).replace(fold=0) == there.replace(fold=0)


@pytest.mark.parametrize("name", CHANGING)
def test_there_is_one_digest_a_day_where_clocks_are_changed(name: str) -> None:
    zone = ZoneInfo(name)
    changes = list(changes_of(zone))
    assert len(changes) == 2
    for change in changes:
        for hour in range(24):
            words = Words(time_zone=name, hour=hour)
            for minutes in range(-36 * 60, 36 * 60, 15):
                now = change + timedelta(minutes=minutes)
                due = digest_time(now, "daily", words)
                assert now < due <= now + 25 * HOUR
                there = due.astimezone(zone)
                wanted = there.replace(hour=hour, minute=0)
                assert there == wanted or not exists(wanted), (now, hour)
            digest = change - 50 * HOUR
            days = []
            for _ in range(4):
                digest = digest_time(digest, "daily", words)
                days.append(digest.astimezone(zone).date())
            assert days == [days[0] + timedelta(days=number) for number in range(4)]


def test_a_digest_is_due_at_the_persons_hour_in_every_zone() -> None:
    for name in available_timezones():
        zone = ZoneInfo(name)
        for now in (YEAR, YEAR + 200.3 * 24 * HOUR):
            for hour in (0, 7, 23):
                due = digest_time(now, "daily", Words(time_zone=name, hour=hour))
                there = due.astimezone(zone)
                assert (there.hour, there.minute, due.tzinfo) == (hour, 0, UTC), name
                assert now < due <= now + 25 * HOUR, name


@pytest.mark.parametrize("name", [None, "", "Nowhere/At_All", "../etc/passwd", "Europe", "\ud83d"])
def test_a_zone_that_is_unknown_is_utc(name: str | None) -> None:
    due = digest_time(YEAR, "daily", Words(time_zone=name))
    assert due == YEAR + DAY_HOUR_DEFAULT * HOUR


def test_an_hourly_digest_is_due_at_the_next_full_hour() -> None:
    for minutes in (0, 1, 59):
        due = digest_time(YEAR + timedelta(minutes=minutes), "hourly", Words())
        assert due == YEAR + HOUR
