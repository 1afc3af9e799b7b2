"""What is kept of the views is dropped as soon as it may be wrong."""

from uuid import UUID

import pytest

from rostra import ids
from rostra_adapters.application import invalidation as changes
from rostra_adapters.application.invalidation import ChangeFeed, InvalidatedCache, news

HERE, THERE = ids.discussion_id("s", "/here"), ids.discussion_id("s", "/there")
PREFIXES = [ids.prefix_of(HERE)]


@pytest.fixture
def heard() -> ChangeFeed:
    made = ChangeFeed()
    made.listen()
    return made


@pytest.fixture
def keep(heard: ChangeFeed) -> InvalidatedCache[str]:
    return InvalidatedCache(heard, weight_max=10)


def hear(heard: ChangeFeed, position: int, *streams: UUID) -> None:
    for text in news(position, streams):
        heard.receive(text)


def keep_at(keep: InvalidatedCache[str], position: int, weight: int = 1) -> None:
    keep.put("page", "words", PREFIXES, keep.begin(position), weight)


def test_what_was_read_is_kept_until_its_discussion_changes(
    heard: ChangeFeed, keep: InvalidatedCache[str]
) -> None:
    keep_at(keep, 5)
    hear(heard, 6, THERE)
    assert keep.find("page") == "words"
    hear(heard, 7, ids.comment_id(HERE, "c1"))
    assert keep.find("page") is None


def test_what_was_read_before_a_change_and_comes_after_it_is_not_kept(
    heard: ChangeFeed, keep: InvalidatedCache[str]
) -> None:
    begun = keep.begin(5)
    hear(heard, 6, HERE)
    keep.put("page", "words", PREFIXES, begun)
    assert keep.find("page") is None


def test_what_was_read_after_a_change_that_is_heard_of_late_is_kept(
    heard: ChangeFeed, keep: InvalidatedCache[str]
) -> None:
    begun = keep.begin(6)  # the statement saw 6 before we were told of it
    hear(heard, 6, HERE)
    keep.put("page", "words", PREFIXES, begun)
    assert keep.find("page") == "words"


def test_what_was_being_read_when_something_was_missed_is_not_kept(
    heard: ChangeFeed, keep: InvalidatedCache[str]
) -> None:
    keep_at(keep, 5)
    begun = keep.begin(5)
    heard.lose()
    keep.put("other", "words", PREFIXES, begun)
    assert keep.find("page") is None
    assert keep.find("other") is None


def test_nothing_is_kept_while_nobody_listens(
    heard: ChangeFeed, keep: InvalidatedCache[str]
) -> None:
    heard.lose(listening=False)
    keep_at(keep, 5)
    assert keep.find("page") is None
    heard.listen()
    keep_at(keep, 5)
    assert keep.find("page") == "words"


def test_a_position_that_was_not_heard_of_asks_for_more_than_is_kept(
    heard: ChangeFeed, keep: InvalidatedCache[str]
) -> None:
    keep_at(keep, 5)
    assert keep.find("page", min_position=5) == "words"
    assert keep.find("page", min_position=6) is None  # of 6 it is not known what it changed
    hear(heard, 6, THERE)
    assert keep.find("page", min_position=6) == "words"


def test_many_discussions_take_many_messages_and_leave_the_others(
    heard: ChangeFeed, keep: InvalidatedCache[str]
) -> None:
    keep_at(keep, 5)
    touched = [ids.discussion_id("s", str(n)) for n in range(2_000)]
    for discussion in touched:
        keep.put(discussion, "", [ids.prefix_of(discussion)], keep.begin(5), weight=0)
    *parts, last = news(6, touched)
    assert len(parts) == 4
    for part in parts:
        heard.receive(part)
        assert heard.last_position == 0  # of the page all has to be heard
    heard.receive(last)
    assert heard.last_position == 6
    assert keep.find("page", min_position=6) == "words"
    assert not any(keep.find(discussion) for discussion in touched)


def test_a_part_of_a_message_is_anything_to_a_version_that_knows_no_parts() -> None:
    first, _ = news(6, [ids.discussion_id("s", str(n)) for n in range(500)])
    assert first.split()[0] == changes.ALL_CHANGED


def test_a_page_of_no_discussion_is_one_message() -> None:
    assert news(6, []) == ["6"]


def test_a_message_fits_what_postgresql_takes() -> None:
    for count in (1, 400, 500, 5_000):
        told = news(2**62, [ids.discussion_id("s", str(n)) for n in range(count)])
        assert all(len(text.encode()) < 8_000 for text in told)


def test_of_discussions_that_are_forgotten_the_last_change_is_taken_for_theirs(
    heard: ChangeFeed, keep: InvalidatedCache[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "DISCUSSIONS_KNOWN_MAX", 2)
    begun = keep.begin(5)
    hear(heard, 6, HERE)
    for position, name in enumerate("abc", 7):
        hear(heard, position, ids.discussion_id("s", name))
    keep.put("page", "words", PREFIXES, begun)
    assert keep.find("page") is None


def test_the_least_used_goes_first(keep: InvalidatedCache[str]) -> None:
    for name in "abc":
        keep.put(name, name, PREFIXES, keep.begin(5), weight=3)
    assert keep.find("a") == "a"
    keep.put("d", "d", PREFIXES, keep.begin(5), weight=3)
    assert [keep.find(name) for name in "abcd"] == ["a", None, "c", "d"]
    keep.put("heavy", "x", PREFIXES, keep.begin(5), weight=11)
    assert keep.find("heavy") is None
    assert keep.weight == 9
