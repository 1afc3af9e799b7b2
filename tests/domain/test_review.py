"""The setting `review`: which words wait for the service, by which rule."""

from typing import Any

import msgspec
import pytest

from rostra.commands import ConfigureSite
from rostra.comment import CommentPosted, CommentWordingHeld
from rostra.settings import AskedSiteSettings, Review, SiteSettings, merge
from support.examples import act, command, configured, opened, posted, trusted
from support.harness import given

URL = "https://review.example/comments"
REVIEWED = configured(review=Review(url=URL))


def post(**data: Any) -> Any:
    author = {"id": "ann", "name": "Ann"}
    return command("comment.posted", comment="c9", author=author, body="Hm.", **data)


@pytest.mark.parametrize(
    ("settings", "status", "rule"),
    [
        ({}, "published", None),
        ({"review": Review(url=URL)}, "held", "review"),
        ({"review": Review(url=URL), "moderation": "all"}, "held", None),
        ({"review": Review(url=URL), "moderation": "first"}, "held", None),
        ({"review": Review(), "moderation": "none"}, "published", None),
        ({"moderation": "all"}, "held", None),
    ],
)
def test_a_comment_waits_for_the_service_unless_moderators_decide(
    settings: dict[str, Any], status: str, rule: str | None
) -> None:
    ((_, event),) = given(configured(**settings), opened()).when(post(), act()).decided
    assert isinstance(event, CommentPosted)
    assert (event.status, event.rule) == (status, rule)


def test_the_publishers_status_is_obeyed() -> None:
    for status in ("published", "held"):
        ((_, event),) = given(REVIEWED, opened()).when(post(status=status), act()).decided
        assert isinstance(event, CommentPosted)
        assert (event.status, event.rule) == (status, None)


def test_a_trusted_author_is_reviewed_too() -> None:
    settings = configured(review=Review(url=URL), moderation="first")
    ((_, event),) = given(settings, opened(), trusted("ann")).when(post(), act()).decided
    assert isinstance(event, CommentPosted)
    assert event.rule == "review"


def test_a_new_wording_of_a_published_comment_waits() -> None:
    edit = command("comment.edited", comment="c1", body="Other.")
    ((_, event),) = given(REVIEWED, opened(), posted("c1")).when(edit, act(30)).decided
    assert isinstance(event, CommentWordingHeld)
    assert event.rule == "review"


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "https://", "https://u:p@a.example/", "https://a.example/#b", "a b"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="http or https URL"):
        asked({"review": {"url": url}})


@pytest.mark.parametrize("review", [{}, {"url": URL, "seconds": 0}, {"url": URL, "tries": 2}])
def test_other_shapes_are_refused(review: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        asked({"review": review})


def asked(settings: dict[str, Any]) -> AskedSiteSettings:
    return msgspec.convert({"site": "gazette", "settings": settings}, ConfigureSite).settings


def test_the_same_review_again_changes_nothing_and_an_empty_url_ends_it() -> None:
    first = merge(SiteSettings(), asked({"review": {"url": URL, "seconds": 9}}))
    assert first.review == Review(url=URL, seconds=9)
    assert merge(first, asked({"review": {"url": URL, "seconds": 9}})) == first
    assert merge(first, asked({"review": {"url": ""}})).review == Review()
