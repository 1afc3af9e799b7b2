"""Comments: where they stand, how they read, and what moderators make of them."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from rostra import ids
from rostra.comment import (
    CommentApproved,
    CommentEdited,
    CommentPinned,
    CommentPosted,
    CommentRejected,
    CommentRemoved,
    CommentRestored,
    CommentUnpinned,
)
from rostra.events import FLAGS, Words
from rostra.passage import PassageClosed, PassageUnmarked
from rostra.person import PersonDistrusted, PersonTrusted
from support.examples import (
    Happened,
    act,
    at,
    closed,
    command,
    comment,
    configured,
    marked,
    opened,
    passage,
    person,
    post,
    posted,
    trusted,
)
from support.harness import given

C1 = comment("c1")


def on_c1(verb: str, **data: Any) -> Any:
    return command(f"comment.{verb}", comment="c1", **data)


# -- posting


def test_a_comment_is_posted() -> None:
    given(opened()).when(post(), act(10)).then(posted())


def test_a_reply_carries_its_place() -> None:
    two = (posted("c1"), posted("c2", "c1"))
    given(opened(), *two).when(post("c3", parent="c2"), act(10)).then(posted("c3", "c1", "c2"))


def test_a_comment_without_a_key_is_named_by_its_event() -> None:
    keyless = command("comment.posted", author={"id": "ann", "name": "Ann"}, body="Yes.")
    discussion = ids.discussion_id("gazette", "/trams")
    stream = ids.comment_id_of_event(discussion, "urn:cms", "e1")
    event = CommentPosted(
        time=at(10), author="ann", status="published", personal=Words(name="Ann", body="Yes.")
    )
    given(opened()).when(keyless, act(10)).then((stream, event))


def test_a_reply_to_what_is_not_there_may_come_later() -> None:
    given(opened()).when(post("c2", parent="c1"), act()).then_refused(
        "unknown-parent", retryable=True
    )


def test_a_parent_in_another_discussion_is_refused_for_good() -> None:
    elsewhere = ids.comment_id(ids.discussion_id("gazette", "/buses"), "c1")
    reply = post("c2", parent_id=str(elsewhere))
    given(opened(), posted()).when(reply, act()).then_refused("unknown-parent")


def test_a_parent_that_is_no_comment_is_refused() -> None:
    reply = post("c2", parent_id=str(passage("p1")))
    given(opened(), marked()).when(reply, act()).then_refused("unknown-parent")


def test_a_parent_may_be_named_by_our_id_and_both_must_agree() -> None:
    by_id = post("c2", parent_id=str(C1))
    given(opened(), posted()).when(by_id, act(10)).then(posted("c2", "c1"))
    wrong = post("c2", parent="c1", parent_id=str(comment("c9")))
    given(opened(), posted()).when(wrong, act()).then_refused("ids-disagree")


def test_publishers_may_reply_to_removed_comments() -> None:
    removed = CommentRemoved(time=at(11), was="published", now="removed", author="ann")
    given(opened(), posted(), (C1, removed)).when(post("c2", parent="c1"), act(12)).then(
        posted("c2", "c1", minute=12)
    )


def test_a_closed_discussion_takes_no_comments_not_even_older_ones() -> None:
    given(opened(), closed(20)).when(post(), act(10)).then_refused("discussion-closed")


# -- depth


def chain(length: int) -> list[Happened]:
    names = [f"d{depth}" for depth in range(length)]
    return [posted(name, *names[:depth]) for depth, name in enumerate(names)]


def test_a_reply_to_the_deepest_comment_becomes_its_sibling() -> None:
    names = [f"d{depth}" for depth in range(13)]
    given(opened(), *chain(13)).when(post("c1", parent="d12"), act(10)).then(
        posted("c1", *names[:12], asked="d12")
    )


def test_the_deepest_level_itself_is_reached() -> None:
    names = [f"d{depth}" for depth in range(12)]
    given(opened(), *chain(12)).when(post("c1", parent="d11"), act(10)).then(posted("c1", *names))


def test_a_site_may_allow_less_depth() -> None:
    given(configured(depth=1), opened(), *chain(2)).when(post("c1", parent="d1"), act(10)).then(
        posted("c1", "d0", asked="d1")
    )


def test_with_less_depth_than_there_is_a_reply_rises_as_far_as_it_must() -> None:
    given(configured(depth=1), opened(), *chain(5)).when(post("c1", parent="d4"), act(10)).then(
        posted("c1", "d0", asked="d4")
    )


def test_without_depth_every_reply_stands_at_the_top() -> None:
    given(configured(depth=0), opened(), *chain(1)).when(post("c1", parent="d0"), act(10)).then(
        posted("c1", asked="d0")
    )


# -- the same key again


def test_the_same_comment_by_another_event_exists() -> None:
    given(opened(), posted()).when(post(), act(10, name="e2")).then_refused("comment-exists")


@pytest.mark.parametrize(
    "other", [{"body": "No."}, {"author": "bob"}, {"parent": "c0"}], ids=lambda it: next(iter(it))
)
def test_the_same_key_with_other_content_is_refused(other: dict[str, Any]) -> None:
    given(opened(), posted("c0"), posted()).when(post(**other), act()).then_refused(
        "different-content"
    )


def test_after_an_edit_the_first_wording_still_tells_a_repeat() -> None:
    edited = CommentEdited(time=at(11), author="ann", personal=Words(body="No."))
    history = (opened(), posted(), (C1, edited))
    given(*history).when(post(), act()).then_refused("comment-exists")
    given(*history).when(post(body="No."), act()).then_refused("different-content")


def test_a_reply_that_was_clamped_is_told_by_the_parent_it_asked_for() -> None:
    history = (configured(depth=1), opened(), *chain(2), posted("c1", "d0", asked="d1"))
    given(*history).when(post(parent="d1"), act()).then_refused("comment-exists")
    given(*history).when(post(), act()).then_refused("different-content")


def test_a_comment_with_the_id_of_another_is_refused() -> None:
    other = posted("c2")[1]
    given(opened(), (C1, other)).when(post(), act()).then_refused("id-collision")


# -- policies


@pytest.mark.parametrize(
    ("policy", "happened", "status"),
    [
        ("none", [], "published"),
        ("first", [], "held"),
        ("first", [trusted("ann")], "published"),
        ("first", [trusted("bob")], "held"),
        ("all", [trusted("ann")], "held"),
    ],
)
def test_a_policy_holds_comments(policy: Any, happened: list[Happened], status: Any) -> None:
    given(opened(moderation=policy), *happened).when(post(), act(10)).then(posted(status=status))


def test_a_discussion_overrides_its_site() -> None:
    given(configured(moderation="all"), opened(moderation="none")).when(post(), act(10)).then(
        posted()
    )
    given(configured(moderation="all"), opened()).when(post(), act(10)).then(posted(status="held"))


@pytest.mark.parametrize("status", ["published", "held"])
def test_the_status_an_importer_gives_is_obeyed(status: Any) -> None:
    for policy in ("none", "all"):
        given(opened(moderation=policy)).when(post(status=status), act(10)).then(
            posted(status=status)
        )


def approved(now: Any = "published", was: Any = "held", by: str | None = "mia") -> Happened:
    return C1, CommentApproved(time=at(30), was=was, now=now, author="ann", by=by)


def test_an_approval_brings_trust_in_the_same_group() -> None:
    trust = PersonTrusted(time=at(30), site="gazette", person="ann", by="mia", comment=C1)
    given(opened(moderation="first"), posted(status="held")).when(
        on_c1("approved", by="mia"), act()
    ).then(approved(), (person("ann"), trust))


def test_trust_once_given_stays() -> None:
    given(opened(), posted(status="held"), trusted("ann")).when(
        on_c1("approved", by="mia"), act()
    ).then(approved())


def trust_of_c1(minute: int) -> Happened:
    return person("ann"), PersonTrusted(
        time=at(minute), site="gazette", person="ann", by="mia", comment=C1
    )


def trust_lost(minute: int) -> Happened:
    return person("ann"), PersonDistrusted(
        time=at(minute), site="gazette", person="ann", by="mia", comment=C1
    )


@pytest.mark.parametrize("verb", ["held", "rejected"])
def test_trust_goes_and_comes_with_the_comment_that_brought_it(verb: str) -> None:
    history = (opened(), posted(status="held"), approved(by="mia"), trust_of_c1(30))
    again, lost = given(*history).when(on_c1(verb, by="mia"), act(31)).decided
    assert lost == trust_lost(31)
    given(*history, again, lost).when(on_c1("approved", by="mia"), act(32)).then(
        (C1, msgspec.structs.replace(approved(was=verb)[1], time=at(32))), trust_of_c1(32)
    )


def test_flags_that_hold_a_comment_take_no_trust_back() -> None:
    history = (opened(), posted(status="held"), approved(by="mia"), trust_of_c1(30))
    ((stream, event),) = given(*history).when(on_c1("held"), act(31, source=FLAGS)).decided
    assert (stream, event.topic) == (C1, "comment.held")


@pytest.mark.parametrize(
    "trust",
    [
        trusted("ann"),
        (
            person("ann"),
            PersonTrusted(time=at(5), site="gazette", person="ann", comment=comment("c2")),
        ),
    ],
    ids=["by a moderator", "by another comment"],
)
def test_trust_of_another_cause_stays(trust: Happened) -> None:
    history = (opened(), posted(status="held"), trust, approved())
    (held,) = given(*history).when(on_c1("held"), act(31)).decided
    given(*history, held).when(on_c1("approved"), act(32)).then(
        (C1, msgspec.structs.replace(approved(by=None)[1], time=at(32)))
    )


def test_approving_what_is_published_changes_nothing_and_brings_no_trust() -> None:
    given(opened(), posted()).when(on_c1("approved"), act()).then_nothing()


# -- moderation


def rejected(minute: int = 20, was: Any = "published") -> Happened:
    return C1, CommentRejected(time=at(minute), was=was, now="rejected", author="ann")


def removed(minute: int = 20, was: Any = "published", by: str | None = None) -> Happened:
    now: Any = "deleted" if by == "ann" else "removed"
    return C1, CommentRemoved(time=at(minute), was=was, now=now, author="ann", by=by)


def restored(minute: int = 30, now: Any = "published", was: Any = "removed") -> Happened:
    return C1, CommentRestored(time=at(minute), was=was, now=now, author="ann")


def test_by_others_it_is_removed_by_its_author_deleted() -> None:
    given(opened(), posted()).when(on_c1("removed"), act(20)).then(removed())
    given(opened(), posted()).when(on_c1("removed", by="mia"), act(20)).then(removed(by="mia"))
    given(opened(), posted()).when(on_c1("removed", by="ann"), act(20)).then(removed(by="ann"))


def test_what_was_removed_is_restored_to_what_the_moderators_left() -> None:
    given(opened(), posted(), removed()).when(on_c1("restored"), act()).then(restored())
    held = posted(status="held")
    given(opened(), held, removed(was="held")).when(on_c1("restored"), act()).then(
        restored(now="held")
    )
    history = (opened(), posted(), removed(20), rejected(25, was="removed"))
    given(*history).when(on_c1("restored"), act()).then(restored(now="rejected"))


def test_what_was_deleted_is_restored_too() -> None:
    given(opened(), posted(), removed(by="ann")).when(on_c1("restored"), act()).then(
        restored(was="deleted")
    )


def test_a_removed_comment_stays_removed_when_it_is_approved_or_rejected() -> None:
    history = (opened(), posted(status="held"), removed(was="held"), trusted("ann"))
    given(*history).when(on_c1("approved", by="mia"), act()).then(approved("removed", "removed"))
    given(*history).when(on_c1("rejected"), act(30)).then(
        (C1, CommentRejected(time=at(30), was="removed", now="removed", author="ann"))
    )


def test_removing_what_is_removed_changes_nothing() -> None:
    given(opened(), posted(), removed()).when(on_c1("removed", by="ann"), act()).then_nothing()
    given(opened(), posted()).when(on_c1("restored"), act()).then_nothing()


def test_rejecting_is_possible_after_publishing_and_counts_once() -> None:
    given(opened(), posted()).when(on_c1("rejected"), act(20)).then(rejected())
    given(opened(), posted(), rejected()).when(on_c1("rejected"), act()).then_nothing()


def test_late_moderation_changes_nothing() -> None:
    given(opened(), posted(), removed(20)).when(on_c1("restored"), act(19)).then_nothing()
    given(opened(), posted(), removed(20), restored(21)).when(
        on_c1("removed"), act(20)
    ).then_nothing()
    given(opened(), posted(), rejected(20)).when(on_c1("approved"), act(19)).then_nothing()


def test_of_equal_times_the_later_in_the_log_moderates() -> None:
    history = (opened(), posted(), removed(20), restored(20))
    given(*history[:3]).when(on_c1("restored"), act(20)).then(restored(20))
    given(*history).when(on_c1("removed"), act(20)).then(removed(20))
    held = (opened(), posted(status="held"), trusted("ann"), rejected(30, was="held"))
    given(*held).when(on_c1("approved", by="mia"), act(30)).then(approved(was="rejected"))


def test_a_status_change_carries_the_place_and_the_passage() -> None:
    history = (opened(), marked(), posted("c0", on="p1"), posted("c1", "c0", on="p1"))
    event = CommentRemoved(
        time=at(30),
        was="published",
        now="removed",
        author="ann",
        path=(comment("c0"),),
        passage=passage("p1"),
        personal=Words(reason="spam"),
    )
    given(*history).when(on_c1("removed", reason="spam"), act()).then((C1, event))


def test_an_act_on_an_unknown_comment_may_come_later() -> None:
    for verb in ("removed", "restored", "approved", "rejected", "pinned", "unpinned"):
        given(opened()).when(on_c1(verb), act()).then_refused("unknown-comment", retryable=True)
    given(opened()).when(on_c1("edited", body="b"), act()).then_refused(
        "unknown-comment", retryable=True
    )


# -- pins


def test_a_top_level_comment_is_pinned_and_unpinned() -> None:
    pinned: Happened = (C1, CommentPinned(time=at(30)))
    unpinned: Happened = (C1, CommentUnpinned(time=at(31)))
    given(opened(), posted()).when(on_c1("pinned"), act(30)).then(pinned)
    given(opened(), posted(), pinned).when(on_c1("pinned"), act(31)).then_nothing()
    given(opened(), posted(), pinned).when(on_c1("unpinned"), act(31)).then(unpinned)
    given(opened(), posted(), pinned).when(on_c1("unpinned"), act(29)).then_nothing()
    given(opened(), posted()).when(on_c1("unpinned"), act(31)).then_nothing()


def test_a_reply_is_not_pinned() -> None:
    history = (opened(), posted("c0"), posted("c1", "c0"))
    given(*history).when(on_c1("pinned"), act()).then_refused("not-at-the-top")


# -- wording


def edited(body: str, minute: int = 20, by: str | None = None) -> Happened:
    return C1, CommentEdited(time=at(minute), author="ann", by=by, personal=Words(body=body))


def test_a_comment_is_edited_in_its_authors_name_whoever_does_it() -> None:
    given(opened(), posted()).when(on_c1("edited", body="No.", by="mia"), act(20)).then(
        edited("No.", by="mia")
    )


def test_the_wording_that_stands_changes_nothing() -> None:
    given(opened(), posted()).when(on_c1("edited", body="Yes."), act()).then_nothing()
    given(opened(), posted(), edited("No.")).when(on_c1("edited", body="No."), act()).then_nothing()


def test_of_edits_the_latest_stands_of_equal_times_the_later_in_the_log() -> None:
    history = (opened(), posted(), edited("No.", 20))
    given(*history).when(on_c1("edited", body="Oh."), act(19)).then_nothing()
    given(*history).when(on_c1("edited", body="Oh."), act(20)).then(edited("Oh.", 20))


def test_an_edit_may_be_older_than_the_comment() -> None:
    given(opened(), posted(minute=10)).when(on_c1("edited", body="No."), act(5)).then(
        edited("No.", 5)
    )


# -- on passages


def test_inline_feedback_is_made_on_a_passage() -> None:
    given(opened(), marked()).when(post(passage="p1"), act(10)).then(posted(on="p1"))


def test_a_reply_belongs_to_the_passage_of_its_thread() -> None:
    history = (opened(), marked(), marked("p2"), posted("c0", on="p1"))
    given(*history).when(post(parent="c0"), act(10)).then(posted("c1", "c0", on="p1"))
    given(*history).when(post(parent="c0", passage="p1"), act(10)).then(posted("c1", "c0", on="p1"))
    given(*history).when(post(parent="c0", passage="p2"), act()).then_refused("other-passage")


def test_a_comment_on_an_unknown_passage_may_come_later() -> None:
    given(opened()).when(post(passage="p1"), act()).then_refused("unknown-passage", retryable=True)


def test_a_passage_that_is_closed_or_unmarked_takes_no_comments() -> None:
    shut: list[tuple[UUID, Any, str, bool]] = [
        (passage("p1"), PassageClosed(time=at(5)), "passage-closed", False),
        (passage("p1"), PassageUnmarked(time=at(5)), "unknown-passage", True),
    ]
    for stream, event, name, retryable in shut:
        given(opened(), marked(), (stream, event)).when(post(passage="p1"), act()).then_refused(
            name, retryable=retryable
        )
