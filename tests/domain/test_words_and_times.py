"""Times, texts and settings: what is taken, and in which form it is kept."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra import fields, limits, times
from rostra.commands import AnyCommand
from rostra.settings import (
    DayLimits,
    Review,
    Rules,
    Settings,
    SiteSettings,
    given_settings,
    merge,
    rules,
)
from support.examples import command

moments = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001  # Hypothesis adds the zone
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.integers(-720, 720).map(lambda it: timezone(timedelta(minutes=it))),
)


@given(moments, moments)
def test_the_order_of_times_as_text_is_their_order(a: datetime, b: datetime) -> None:
    assert (times.format_time(a) < times.format_time(b)) == (a < b)
    assert len(times.format_time(a)) == 27
    assert times.to_datetime(times.format_time(a)) == a
    assert times.parse_time(a.isoformat()) == times.format_time(a)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T15:16:10Z", "2026-11-22T15:16:10.000000Z"),
        ("2026-11-22t15:16:10.5z", "2026-11-22T15:16:10.500000Z"),
        ("2026-11-22 15:16:10+05:30", "2026-11-22T09:46:10.000000Z"),
        ("2026-11-22T15:16:10.1234569Z", "2026-11-22T15:16:10.123456Z"),
        ("2026-11-22T00:16:10-00:00", "2026-11-22T00:16:10.000000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_with_any_offset_are_taken(text: str, time: str) -> None:
    assert times.parse_time(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T15:16:10",
        "2026-11-22",
        "2026-11-22T15:16Z",
        "2026-02-30T00:00:00Z",
        "2026-11-22T25:00:00Z",
        "2026-11-22T15:16:10.Z",
        "2026-11-22T15:16:10+24:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-11-22T15:16:10Z",
        " 2026-11-22T15:16:10Z",
        "2026-11-22T15:16:10Z\n",
        "",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|offset|range|month|hour|Invalid|day|year"):
        times.parse_time(text)


def test_long_ago_is_before_every_time() -> None:
    assert times.format_time(datetime.min.replace(tzinfo=UTC)) > times.LONG_AGO


def test_a_time_is_moved_by_seconds() -> None:
    assert (
        times.later(times.Time("2026-11-22T23:59:59.500000Z"), 1) == "2026-11-23T00:00:00.500000Z"
    )


# -- texts


NO_LINKS = [
    "javascript:alert(1)",
    "JavaScript://https://x.example/%0aalert(1)",
    "data:text/html,x",
    "/trams",
    "//x.example/trams",
    "trams.example",
    "https:trams.example",
    "https://",
    "https:///trams",
    "https://@",
    "http:\\\\x.example",
    "https://\\x.example",
    " https://x.example",
    "https:// x.example",
    "https://x.example\n",
    "ftp://x.example/",
    "",
]


@pytest.mark.parametrize("url", NO_LINKS)
def test_no_other_url_stands_in_a_link(url: str) -> None:
    assert fields.web_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example",
        "HTTP://x.example:8080/a b?c#d",
        "https://été.example/ö",
        "http://[::1]/",
    ],
)
def test_an_absolute_web_address_is_a_url(url: str) -> None:
    command("discussion.opened", url=url)
    assert fields.web_url(url) == url


def posting(**data: Any) -> AnyCommand:
    who = {"id": "ann", "name": "Ann", **data.pop("author", {})}
    return command("comment.posted", **{"body": "Yes.", "author": who, **data})


@pytest.mark.parametrize(
    "data",
    [
        {"body": ""},
        {"body": " \n\t "},
        {"body": "a\x00b"},
        {"body": "x" * (limits.BODY_BYTES_MAX + 1)},
        {"body": "é" * (limits.BODY_BYTES_MAX // 2 + 1)},
        {"comment": ""},
        {"comment": "a\nb"},
        {"comment": "a\x7f"},
        {"comment": "a\x85"},
        {"comment": "k" * (limits.KEY_CHARACTERS_MAX + 1)},
        {"site": ""},
        {"site": "a\x1f"},
        {"resource": ""},
        {"resource": "r" * (limits.RESOURCE_CHARACTERS_MAX + 1)},
        {"author": {"id": "ann@example.org"}},
        {"author": {"id": "ann\n"}},
        {"author": {"id": ""}},
        {"author": {"name": ""}},
        {"author": {"name": "n" * (limits.NAME_CHARACTERS_MAX + 1)}},
        {"author": {"unheard_of": 1}},
        {"unheard_of": 1},
        {"body": 7},
        {"status": "removed"},
        {"parent_id": "no uuid"},
    ],
)
def test_data_that_does_not_fit_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        posting(**data)


@pytest.mark.parametrize(
    "data",
    [
        {"body": "x" * limits.BODY_BYTES_MAX},
        {"body": "é" * (limits.BODY_BYTES_MAX // 2)},
        {"body": "\tone line\r\nand another\x1b"},
        {"comment": "k" * limits.KEY_CHARACTERS_MAX},
        {"comment": "ключ 🔑"},
        {"resource": "r" * limits.RESOURCE_CHARACTERS_MAX},
        {"author": {"name": "n" * limits.NAME_CHARACTERS_MAX}},
        {"author": {"email": "ann@example.org"}},
        {"parent": None, "passage": None, "status": None},
    ],
)
def test_data_that_fits_is_taken(data: dict[str, Any]) -> None:
    posting(**data)


@pytest.mark.parametrize(
    ("topic", "data"),
    [
        ("vote.cast", {"comment": "c1", "voter": "bob", "value": 2}),
        ("vote.cast", {"comment": "c1", "voter": "bob", "value": True}),
        ("vote.cast", {"comment": "c1", "voter": "bob", "value": 0.5}),
        ("vote.cast", {"comment": "c1", "voter": "bob"}),
        ("vote.cast", {"voter": "bob", "value": 1}),
        ("vote.nullified", {"comment": "c1", "voter": "bob", "by": "mia"}),
        ("comment.flagged", {"comment": "c1", "reason": "spam"}),
        ("comment.removed", {"by": "mia"}),
        ("comment.edited", {"comment": "c1", "body": " "}),
        ("passage.marked", {"passage": "p1", "exact": ""}),
        ("passage.marked", {"passage": "p1", "exact": "a", "start": 5, "end": 4}),
        ("passage.marked", {"passage": "p1", "exact": "a", "start": -1}),
        ("passage.closed", {}),
        *(("discussion.opened", {"url": url}) for url in NO_LINKS),
        ("site.configured", {"settings": {"depth": 13}}),
        ("site.configured", {"settings": {"voting": "down"}}),
        ("discussion.opened", {"settings": {"depth": 3}}),
        ("discussion.opened", {"settings": {"edit_seconds": -1}}),
    ],
)
def test_commands_that_do_not_fit_are_refused(topic: str, data: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        command(topic, **data)


# -- settings


def test_the_defaults_are_those_of_the_contract() -> None:
    assert rules(SiteSettings(), Settings()) == Rules()
    assert msgspec.structs.asdict(Rules()) == {
        "moderation": "none",
        "edit_seconds": 900,
        "voting": "both",
        "self_votes": False,
        "private": False,
        "open_on_first": False,
        "wordings": "moderators",
        "marking": "persons",
        "breaks": True,
        "origins": ("*",),
        "guests": False,
        "guest_votes": "address",
        "names": "token",
        "labels": (),
        "depth": 12,
        "reserved_names": (),
        "orders": ("newest", "oldest", "most_voted", "best", "controversial", "hot"),
        "rules": (),
        "review": Review(url="", seconds=5),
        "slow_seconds": 0,
        "per_day": DayLimits(comments=None, votes=None, marks=None),
        "flags_to_hold": 0,
        "moderators_named": False,
    }


def test_a_discussion_goes_before_its_site_and_both_before_the_defaults() -> None:
    site = SiteSettings(voting="up", moderation="all", self_votes=True, depth=3)
    found = rules(site, Settings(voting="off", self_votes=False))
    assert (found.voting, found.moderation, found.self_votes) == ("off", "all", False)
    assert (found.depth, found.edit_seconds) == (3, 900)


settings = st.builds(
    Settings,
    moderation=st.sampled_from([None, "none", "all"]),
    edit_seconds=st.sampled_from([None, 0, 900]),
    self_votes=st.sampled_from([None, True, False]),
)


@given(settings, settings)
def test_what_a_change_names_stands_and_the_rest_stays(a: Settings, b: Settings) -> None:
    merged = merge(a, b)
    assert given_settings(merged) == {**given_settings(a), **given_settings(b)}
    assert merge(merged, b) == merged
    assert merge(a, Settings()) == a


def test_a_moment_without_an_offset_or_outside_four_digit_years_is_refused() -> None:
    east, west = timezone(timedelta(hours=1)), timezone(timedelta(hours=-1))
    with pytest.raises(ValueError, match="without an offset"):
        times.time_of(datetime(2026, 1, 1))  # noqa: DTZ001  # that is what is refused
    for moment in (datetime.min.replace(tzinfo=east), datetime.max.replace(tzinfo=west)):
        with pytest.raises(ValueError, match="outside the years"):
            times.time_of(moment)
    assert times.time_of(datetime(2026, 1, 1, tzinfo=east)) == "2025-12-31T23:00:00.000000Z"
    assert times.time_of("2026-01-01T00:00:00+01:00") == "2025-12-31T23:00:00.000000Z"
