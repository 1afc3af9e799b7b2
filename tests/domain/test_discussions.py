"""Discussions and sites: opened, closed, configured."""

import pytest

from rostra import discussion, ids
from rostra.commands import CloseDiscussion, MoveDiscussion
from rostra.discussion import DiscussionClosed, DiscussionOpened, DiscussionReopened
from rostra.events import Words
from rostra.refusals import Refusal
from rostra.settings import Settings, SiteSettings
from rostra.site import SiteConfigured
from support.examples import (
    DISCUSSION,
    RESOURCE,
    SITE,
    act,
    at,
    closed,
    command,
    configured,
    opened,
    post,
)
from support.harness import given

OPEN = command("discussion.opened")
CLOSE = command("discussion.closed")
REOPEN = command("discussion.reopened")


def reopened(minute: int) -> tuple[object, DiscussionReopened]:
    return DISCUSSION, DiscussionReopened(time=at(minute))


def test_a_discussion_is_opened() -> None:
    given().when(OPEN, act(3)).then(opened(3))


def test_opening_again_without_news_changes_nothing() -> None:
    given(opened()).when(OPEN, act()).then_nothing()


def test_opening_again_updates_what_is_named_and_leaves_the_rest() -> None:
    titled = command("discussion.opened", title="Trams", settings={"voting": "up"})
    event = DiscussionOpened(
        time=at(30), site=SITE, resource=RESOURCE, title="Trams", settings=Settings(voting="up")
    )
    given(opened(self_votes=True)).when(titled, act()).then((DISCUSSION, event))
    given(opened(), (DISCUSSION, event)).when(titled, act(31)).then_nothing()
    only_voting = command("discussion.opened", settings={"voting": "up"})
    given(opened(), (DISCUSSION, event)).when(only_voting, act(31)).then_nothing()


def test_opening_again_does_not_reopen() -> None:
    given(opened(), closed()).when(OPEN, act()).then_nothing()


def test_an_open_discussion_is_closed_and_the_reason_is_kept() -> None:
    close = command("discussion.closed", by="mia", reason="late")
    event = DiscussionClosed(time=at(30), by="mia", personal=Words(reason="late"))
    given(opened()).when(close, act()).then((DISCUSSION, event))


def test_closing_what_is_closed_changes_nothing() -> None:
    given(opened(), closed()).when(CLOSE, act()).then_nothing()


def test_a_closed_discussion_is_reopened() -> None:
    given(opened(), closed()).when(REOPEN, act()).then(reopened(30))  # type: ignore[arg-type]


def test_reopening_what_is_open_changes_nothing() -> None:
    given(opened()).when(REOPEN, act()).then_nothing()


def test_a_reopening_older_than_the_closing_changes_nothing() -> None:
    given(opened(), closed(20)).when(REOPEN, act(19)).then_nothing()


def test_of_equal_times_the_later_in_the_log_stands() -> None:
    given(opened(), closed(20)).when(REOPEN, act(20)).then(reopened(20))  # type: ignore[arg-type]


def test_a_discussion_may_be_closed_by_an_event_older_than_its_opening() -> None:
    given(opened(20)).when(CLOSE, act(5)).then((DISCUSSION, DiscussionClosed(time=at(5))))


@pytest.mark.parametrize("topic", ["discussion.closed", "discussion.reopened"])
def test_an_unknown_discussion_may_come_later(topic: str) -> None:
    given().when(command(topic), act()).then_refused("unknown-discussion", retryable=True)
    given().when(post(), act()).then_refused("unknown-discussion", retryable=True)


def test_a_discussion_with_the_id_of_another_is_refused() -> None:
    other = DiscussionOpened(time=at(0), site=SITE, resource="other")
    given((DISCUSSION, other)).when(OPEN, act()).then_refused("id-collision")
    given((DISCUSSION, other)).when(post(), act()).then_refused("id-collision")


# -- sites

AT_SITE = ids.site_id(SITE)


def test_a_site_exists_from_its_first_event_though_it_sets_nothing() -> None:
    event = SiteConfigured(time=at(30), site=SITE, settings=SiteSettings())
    given().when(command("site.configured", settings={}), act()).then((AT_SITE, event))


def test_a_site_is_configured_by_what_is_named() -> None:
    change = command("site.configured", settings={"depth": 2, "voting": "up"})
    event = SiteConfigured(time=at(30), site=SITE, settings=SiteSettings(depth=2, voting="up"))
    given(configured(depth=5, guests=True)).when(change, act()).then((AT_SITE, event))


def test_the_settings_that_stand_change_nothing() -> None:
    change = command("site.configured", settings={"depth": 5})
    given(configured(depth=5, guests=True)).when(change, act()).then_nothing()


def test_a_site_with_the_id_of_another_is_refused() -> None:
    other = SiteConfigured(time=at(0), site="other", settings=SiteSettings())
    given((AT_SITE, other)).when(OPEN, act()).then_refused("id-collision")


def test_an_alias_that_another_name_made_is_not_followed_and_not_moved_to() -> None:
    """Ids are hashes of names."""
    alias = discussion.Discussion(alias="/other", alias_of=RESOURCE)
    with pytest.raises(Refusal, match="id-collision"):
        discussion.own_name(alias, CloseDiscussion(site=SITE, resource="/trams-2"))
    ours = discussion.Discussion(site=SITE, resource=RESOURCE)
    moved = MoveDiscussion(site=SITE, resource=RESOURCE, to="/trams-2")
    with pytest.raises(Refusal, match="id-collision"):
        discussion.move(ours, alias, moved, act())
