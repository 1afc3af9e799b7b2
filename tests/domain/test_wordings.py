"""New wordings of published comments: which of them wait, and what decisions are about."""

from typing import Any

import msgspec
import pytest

from rostra import codec, ids
from rostra.commands import AnyCommand
from rostra.comment import (
    CommentApproved,
    CommentEdited,
    CommentHeld,
    CommentRejected,
    CommentRemoved,
    CommentWordingHeld,
    CommentWordingRejected,
)
from rostra.deciding.handle import Commanded, handle
from rostra.events import PERSONS, CommandContext, WordingRef, Words
from rostra.log import Recorded
from rostra.person import PersonTrusted
from rostra.times import later
from rostra_projections.comments.rows import COMMENTS
from rostra_projections.memory import MemoryViews
from support.examples import (
    Happened,
    act,
    at,
    command,
    comment,
    configured,
    opened,
    person,
    posted,
    trusted,
)
from support.harness import given
from support.memory import MemoryLog, MemoryRing

C1 = comment("c1")
GIVEN = "given"
"""The source of all that happened in these tests: the name is the stream and the version."""


def on_c1(verb: str, **data: Any) -> AnyCommand:
    return command(f"comment.{verb}", comment="c1", **data)


def named(version: int) -> WordingRef:
    return WordingRef(GIVEN, f"{C1}/{version}")


def by_name(version: int) -> dict[str, str]:
    return {"source": GIVEN, "id": f"{C1}/{version}"}


def waiting(body: str = "No.", minute: int = 20, *, version: int = 2) -> Happened:
    """A wording that waits, the event at `version` of the comment."""
    ref = named(version)
    return C1, CommentWordingHeld(
        time=at(minute),
        author="ann",
        personal=Words(body=body),
        source=ref.source,
        id=ref.id,
    )


def edited(body: str, minute: int, **more: Any) -> Happened:
    words = Words(body=body)
    return C1, CommentEdited(time=at(minute), author="ann", personal=words, **more)


def approved(minute: int, wording: WordingRef | None = None, **more: Any) -> Happened:
    status: dict[str, Any] = {"was": "published", "now": "published", **more}
    return C1, CommentApproved(time=at(minute), author="ann", wording=wording, **status)


def moderator(minute: int = 30, seen: int | None = None) -> CommandContext:
    return CommandContext(PERSONS, "e1", at(minute), person="mia", moderates=True, seen=seen)


@pytest.mark.parametrize(
    ("policy", "trust", "kind"),
    [
        ("none", [], CommentEdited),
        ("first", [], CommentWordingHeld),
        ("first", [trusted("ann")], CommentEdited),
        ("all", [trusted("ann")], CommentWordingHeld),
    ],
)
def test_the_policy_decides_about_new_wordings_as_about_new_comments(
    policy: str, trust: list[Happened], kind: type
) -> None:
    history = [opened(moderation=policy), posted(), *trust]
    then = given(*history).when(on_c1("edited", body="No."), act(20))
    [(_, event)] = then.decided
    assert isinstance(event, kind)


def test_an_editors_words_and_a_publishers_word_do_not_wait_for_the_policy() -> None:
    history = (opened(moderation="all"), posted())
    by_editor = on_c1("edited", body="No.", by="mia")
    given(*history).when(by_editor, act(20)).then(edited("No.", 20, by="mia"))
    published = on_c1("edited", body="No.", status="published")
    given(*history).when(published, act(20)).then(edited("No.", 20))
    held = on_c1("edited", body="No.", status="held")
    [(_, event)] = given(opened(), posted()).when(held, act(20)).decided
    assert isinstance(event, CommentWordingHeld)


def test_a_held_comment_is_edited_where_it_waits() -> None:
    history = (opened(moderation="all"), posted(status="held"))
    for status in ({}, {"status": "held"}, {"status": "published"}):
        edit = on_c1("edited", body="No.", **status)
        given(*history).when(edit, act(20)).then(edited("No.", 20, status="held"))


def test_the_wording_that_waits_changes_nothing_when_it_comes_again() -> None:
    history = (opened(moderation="all"), posted(), waiting("No.", 20))
    given(*history).when(on_c1("edited", body="No."), act(30)).then_nothing()
    given(*history).when(on_c1("edited", body="Older."), act(19)).then_nothing()
    [(_, back)] = given(*history).when(on_c1("edited", body="Yes."), act(30)).decided
    assert isinstance(back, CommentWordingHeld)  # what waits is what the author said last


def test_a_published_edit_ends_the_waiting_of_an_older_wording_alone() -> None:
    history = (opened(moderation="all"), posted(), waiting("No.", 20))
    published = on_c1("edited", body="Oh.", status="published")
    given(*history).when(published, act(20)).then(edited("Oh.", 20, ends_pending=True))
    given(*history).when(published, act(19)).then(edited("Oh.", 19))
    same = on_c1("edited", body="Yes.", status="published")
    given(*history).when(same, act(20)).then(edited("Yes.", 20, ends_pending=True))


def _trust(minute: int, by: str | None = None) -> PersonTrusted:
    return PersonTrusted(time=at(minute), site="gazette", person="ann", by=by, comment=C1)


def test_an_approval_is_of_the_wording_that_waits() -> None:
    history = (opened(), posted(), waiting(), trusted("ann"))
    given(*history).when(on_c1("approved"), act(20)).then(approved(20, named(2)))
    given(*history).when(on_c1("approved"), act(19)).then_nothing()  # it came later
    by_its_name = on_c1("approved", wording=by_name(2))
    given(*history).when(by_its_name, act(19)).then(approved(19, named(2)))
    fresh = history[:3]
    given(*fresh).when(on_c1("approved", by="mia"), act(20)).then(
        (C1, msgspec.structs.replace(approved(20, named(2))[1], by="mia")),
        (person("ann"), _trust(20, by="mia")),
    )


def test_another_wording_than_the_one_that_waits_is_not_decided_on() -> None:
    history = (opened(), posted(), waiting("No.", 20), waiting("Oh.", 21, version=3))
    for verb in ("approved", "rejected"):
        for version in (1, 2):
            of_another = on_c1(verb, wording=by_name(version))
            given(*history).when(of_another, act(30)).then_refused("precondition-failed")
        unheard = on_c1(verb, wording={"source": GIVEN, "id": "e99"})
        given(*history).when(unheard, act(30)).then_refused("unknown-wording", retryable=True)


def test_a_rejection_is_of_the_wording_that_waits_or_else_of_the_comment() -> None:
    history = (opened(), posted(), waiting())
    refused = CommentWordingRejected(time=at(20), author="ann", wording=named(2))
    given(*history).when(on_c1("rejected"), act(20)).then((C1, refused))
    whole = CommentRejected(time=at(19), was="published", now="rejected", author="ann")
    given(*history).when(on_c1("rejected"), act(19)).then((C1, whole))
    given(*history, (C1, whole)).when(on_c1("approved"), act(30)).then(
        approved(30, was="rejected"),
        (person("ann"), _trust(30)),
    )


def test_a_moderator_does_not_reject_the_comment_for_a_wording_that_was_rejected() -> None:
    refused = (C1, CommentWordingRejected(time=at(40), author="ann", wording=named(2)))
    history = (opened(), posted(), waiting(), refused)
    reject = on_c1("rejected", by="mia")
    given(*history).when(reject, moderator()).then_refused("precondition-failed")
    after = later(at(40), 1e-6)  # though that clock ran ahead
    whole = CommentRejected(time=after, was="published", now="rejected", author="ann", by="mia")
    given(*history).when(reject, moderator(seen=3)).then((C1, whole))
    by_its_name = on_c1("rejected", by="mia", wording=by_name(1))
    given(*history).when(by_its_name, moderator()).then(
        (C1, msgspec.structs.replace(whole, wording=named(1)))
    )


def test_holding_puts_a_comment_back_with_its_latest_wording() -> None:
    held = CommentHeld(time=at(30), was="published", now="held", author="ann", rule="links")
    given(opened(), posted()).when(on_c1("held", rule="links"), act(30)).then((C1, held))
    rejected = (C1, CommentRejected(time=at(20), was="published", now="rejected", author="ann"))
    again = msgspec.structs.replace(held, was="rejected")
    given(opened(), posted(), rejected).when(on_c1("held", rule="links"), act(30)).then((C1, again))
    given(opened(), posted(), rejected).when(on_c1("held"), act(19)).then_nothing()
    history = (opened(), posted(), waiting(), (C1, held), trusted("ann"))
    given(*history).when(on_c1("held"), act(31)).then_nothing()
    of_the_first = on_c1("approved", wording=by_name(1))
    given(*history).when(of_the_first, act(31)).then_refused("precondition-failed")
    of_the_latest = on_c1("approved", wording=by_name(2))
    given(*history).when(of_the_latest, act(31)).then(approved(31, named(2), was="held"))


def test_moderators_say_which_wording_they_mean_where_there_was_another() -> None:
    approve = on_c1("approved", by="mia")
    held = (opened(), posted(status="held"), trusted("ann"))
    assert given(*held).when(approve, moderator()).decided
    rewritten = (*held, edited("No.", 20, status="held"))
    replaced = (opened(), posted(), trusted("ann"), waiting(), waiting("Oh.", 21, version=3))
    for history, version in ((rewritten, 2), (replaced, 3)):
        given(*history).when(approve, moderator()).then_refused("precondition-failed")
        assert given(*history).when(approve, moderator(seen=version)).decided
        by_its_name = on_c1("approved", by="mia", wording=by_name(version))
        assert given(*history).when(by_its_name, moderator()).decided
        assert given(*history).when(approve, act(30)).decided  # a publisher knows


def test_a_wording_waits_on_below_a_removed_comment() -> None:
    removed = CommentRemoved(time=at(21), was="published", now="removed", author="ann")
    history = (opened(), posted(), waiting(), (C1, removed), trusted("ann"))
    given(*history).when(on_c1("approved"), act(30)).then(
        approved(30, named(2), was="removed", now="removed")
    )
    [(_, event)] = (
        given(configured(moderation="all"), opened(), posted(), (C1, removed))
        .when(on_c1("edited", body="No."), act(30))
        .decided
    )
    assert (event.topic, getattr(event, "status", None)) == ("comment.wording_held", "removed")


async def test_a_process_of_an_older_version_goes_on_showing_the_approved_wording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, ring = MemoryLog(), MemoryRing()
    told = [
        command("discussion.opened", settings={"moderation": "all"}),
        command("comment.posted", comment="c1", author={"id": "ann", "name": "Ann"}, body="Yes.",
                status="published"),
        on_c1("edited", body="No."),
        on_c1("rejected"),
        on_c1("edited", body="Oh."),
    ]  # fmt: skip
    acts = [CommandContext("urn:cms", f"e{number}", at(number)) for number in range(len(told))]
    pairs = zip(told, acts, strict=True)
    await handle(log, ring, [Commanded(*each) for each in pairs])
    assert [row.topic for row in log.rows][2:] == [
        "comment.wording_held",
        "comment.wording_rejected",
        "comment.wording_held",
    ]
    before = _row_of(log.rows[:2])
    for topic in ("comment.wording_held", "comment.wording_rejected"):
        monkeypatch.delitem(codec.DECODERS, topic)
    assert _row_of(log.rows) == before


def _row_of(rows: list[Recorded]) -> Any:
    views = MemoryViews()
    views.apply(rows)
    row = views.rows.of(COMMENTS)[C1]
    assert row.words_event == ids.event_id("urn:cms", "e1")
    return row
