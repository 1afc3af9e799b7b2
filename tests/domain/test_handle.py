"""Handling commands: repeats, batches, stale decisions, collisions."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings

from rostra import codec, ids
from rostra.commands import ConfigurePerson
from rostra.comment import CommentPinned
from rostra.deciding.batch_slot import NoEarlierBatches
from rostra.deciding.handle import ATTEMPTS_MAX, Commanded, Outcome, handle
from rostra.deciding.stream_cache import StreamCache
from rostra.ids import EventId, StreamId
from rostra.log import NewEvents, Recorded
from rostra.person import PersonConfigured
from support import strategies
from support.appending import Appended, Group, NewEvent, append
from support.effort import examples
from support.examples import SITE, act, at, comment, opened, person, vote_on
from support.harness import commanded
from support.memory import MemoryArticles, MemoryLog, MemoryRing
from support.model import Act
from support.published import OPEN, POST, event, posting, statuses, voting


async def test_what_is_recorded_has_its_position_and_what_it_is_about() -> None:
    log = MemoryLog()
    outcomes = await handle(log, MemoryRing(), [OPEN, POST, voting(1, "v1")])
    about = [ids.discussion_id(SITE, "/trams"), comment("c1"), vote_on("c1")]
    assert [(it.status, it.position, it.id) for it in outcomes] == [
        ("recorded", position, stream) for position, stream in enumerate(about, 1)
    ]


async def test_a_repeat_is_answered_with_its_first_position_for_ever() -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST])
    await handle(log, ring, [voting(1, "v1", 10), voting(-1, "v2", 11)])
    again = await handle(log, ring, [voting(1, "v1", 10), POST, OPEN])
    assert [(it.status, it.position) for it in again] == [
        ("duplicate", 3),
        ("duplicate", 2),
        ("duplicate", 1),
    ]
    assert again[0].id == vote_on()


async def test_a_repeat_within_a_batch_is_answered_with_the_position_of_the_first() -> None:
    log = MemoryLog()
    outcomes = await handle(log, MemoryRing(), [OPEN, POST, POST, OPEN])
    assert statuses(outcomes) == ["recorded", "recorded", "duplicate", "duplicate"]
    assert [it.position for it in outcomes] == [1, 2, 2, 1]
    assert await log.head() == 2


async def test_the_same_source_and_id_about_something_else_is_no_repeat() -> None:
    log = MemoryLog()
    outcomes = await handle(log, MemoryRing(), [OPEN, posting("c1", "x"), posting("c2", "x")])
    assert statuses(outcomes) == ["recorded"] * 3


async def test_what_changes_nothing_is_not_stored_and_answers_the_head() -> None:
    log = MemoryLog()
    late = voting(-1, "v0", 1)
    outcomes = await handle(log, MemoryRing(), [OPEN, POST, voting(1, "v1"), late])
    assert (outcomes[3].status, outcomes[3].position, outcomes[3].id) == ("unchanged", 3, vote_on())
    assert await log.head() == 3


async def test_later_commands_of_a_batch_see_the_earlier_ones() -> None:
    log = MemoryLog()
    batch = [
        posting("c1", "too early"),
        OPEN,
        POST,
        posting("c2", "reply", parent="c1"),
        voting(1, "v1", 10),
        voting(-1, "v2", 11),
        event("comment.removed", "r", comment="c1"),
        voting(1, "v3", 12),
        event("discussion.closed", "close"),
        posting("c3", "too late"),
    ]
    outcomes = await handle(log, MemoryRing(), batch)
    assert statuses(outcomes) == [
        "unknown-discussion",
        *["recorded"] * 6,
        "comment-removed",
        "recorded",
        "discussion-closed",
    ]
    last: Any = codec.decode(log.rows[4].topic, log.rows[4].state)
    assert (last.was, last.now) == (1, -1)


async def test_a_batch_is_decided_as_its_commands_one_by_one_would_be() -> None:
    batch = [OPEN, POST, voting(1, "v1", 10), voting(0, "v2", 11), POST]
    together, alone = MemoryLog(), MemoryLog()
    outcomes = await handle(together, MemoryRing(), batch)
    ring = MemoryRing()
    assert outcomes == [(await handle(alone, ring, [it]))[0] for it in batch]
    assert together.rows == alone.rows


async def test_a_refusal_stops_nothing() -> None:
    outcomes = await handle(MemoryLog(), MemoryRing(), [OPEN, voting(1, "v"), POST])
    assert statuses(outcomes) == ["recorded", "unknown-comment", "recorded"]


async def test_ids_that_disagree_are_refused_and_leave_nothing() -> None:
    log = MemoryLog()
    wrong = event("vote.cast", comment="c1", comment_id=str(comment("c2")), voter="bob", value=1)
    outcomes = await handle(log, MemoryRing(), [OPEN, POST, wrong])
    assert statuses(outcomes)[2] == "ids-disagree"
    assert await log.head() == 2


async def test_an_approval_and_its_trust_are_one_group_and_its_repeat_is_found() -> None:
    log, ring = MemoryLog(), MemoryRing()
    held = posting("c1", "post", status="held")
    approve = event("comment.approved", "a", comment="c1", by="mia")
    outcomes = await handle(log, ring, [OPEN, held, approve, approve])
    assert [(it.status, it.position) for it in outcomes[2:]] == [("recorded", 3), ("duplicate", 3)]
    assert [(row.topic, row.stream) for row in log.rows[2:]] == [
        ("comment.approved", comment("c1")),
        ("person.trusted", person("ann")),
    ]
    assert log.rows[2].event_id == log.rows[3].event_id == ids.event_id("urn:cms", "a")
    assert log.rows[2].metadata == '{"source":"urn:cms","id":"a","by":"mia"}'


async def test_two_approvals_of_one_person_bring_trust_once() -> None:
    log = MemoryLog()
    held = [posting(key, key, status="held") for key in ("c1", "c2")]
    approvals = [event("comment.approved", f"a{key}", comment=key) for key in ("c1", "c2")]
    await handle(log, MemoryRing(), [OPEN, *held, *approvals])
    assert [row.topic for row in log.rows].count("person.trusted") == 1


# -- words


async def test_words_are_sealed_with_the_key_of_their_owner() -> None:
    log, ring = MemoryLog(), MemoryRing()
    edit = event("comment.edited", "edit", comment="c1", body="No.", by="mia")
    remove = event("comment.removed", "rm", comment="c1", by="mia", reason="spam")
    close = event("discussion.closed", "close", reason="late")
    await handle(log, ring, [OPEN, POST, edit, remove, close])
    everything = b"".join(row.state for row in log.rows)
    for word in (b"Ann", b"Yes.", b"No.", b"spam", b"late"):
        assert word not in everything
    assert ring.keys.keys() == {person("ann"), person("mia"), ids.site_id(SITE)}


async def test_words_of_a_comment_have_its_authors_key_whoever_edits_them() -> None:
    ring = MemoryRing()
    edit = event("comment.edited", "edit", comment="c1", body="No.", by="mia")
    await handle(MemoryLog(), ring, [OPEN, POST, edit])
    assert ring.keys.keys() == {person("ann")}


async def test_the_first_wording_is_compared_though_it_is_sealed() -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST])
    again = [posting("c1", "another"), event("comment.edited", "e", comment="c1", body="Yes.")]
    assert statuses(await handle(log, ring, again)) == ["comment-exists", "unchanged"]


async def test_erased_words_are_equal_to_nothing() -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST])
    await ring.destroy({person("ann"): 1})
    assert statuses(await handle(log, ring, [posting("c1", "other")])) == ["different-content"]
    assert statuses(await handle(log, ring, [POST])) == ["duplicate"]


async def test_what_another_writer_recorded_stops_only_what_is_about_it() -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST, voting(1, "v1", 10)])
    wrong = [
        (vote_on(), "vote.cast", b'{"value":7}'),
        (vote_on(voter="dee"), "comment.pinned", codec.encode(CommentPinned(time=at(5)))),
    ]
    for stream, topic, state in wrong:
        version = len((await log.read_streams([stream]))[stream])
        row = NewEvent(stream, version + 1, topic, state)
        name = ids.event_id("theirs", topic)
        await append(log, [Group((row,), {stream: version}, name, b"{}")])
    about = [voting(1, "v2", 20), voting(1, "v3", 20, "cem"), voting(1, "v4", 20, "dee")]
    known = StreamCache()
    for outcomes in (
        await handle(log, ring, about),
        await handle(log, ring, about, slot=NoEarlierBatches(known)),
        await handle(log, ring, about, slot=NoEarlierBatches(known)),
    ):
        assert [it.status for it in outcomes][1] in ("recorded", "duplicate")
        assert [statuses(outcomes)[index] for index in (0, 2)] == ["stream-unreadable"] * 2
    assert "position 4" in str(outcomes[0].refusal)


# -- others


class Interrupted(MemoryLog):
    """A log in which others record something just before our groups come in."""

    def __init__(self, *others: Sequence[Commanded]) -> None:
        super().__init__()
        self.others = list(others)
        self.appends = 0

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        self.appends += 1
        if self.others:
            between, self.others = self.others[0], self.others[1:]
            theirs = MemoryLog()
            theirs.rows, theirs._streams = self.rows, self._streams
            await handle(theirs, MemoryRing(), between)
        return await super().append(events)


async def test_what_was_decided_upon_a_stale_reading_is_decided_again() -> None:
    log = Interrupted([], [voting(1, "theirs", 5)])
    await handle(log, MemoryRing(), [OPEN, POST])
    (outcome,) = await handle(log, MemoryRing(), [voting(-1, "ours", 10)])
    assert (outcome.status, outcome.position) == ("recorded", 4)
    ours: Any = codec.decode(log.rows[3].topic, log.rows[3].state)
    assert (ours.was, ours.now) == (1, -1)


async def test_a_rule_that_spans_streams_holds_against_others() -> None:
    log = Interrupted([], [event("comment.removed", "theirs", comment="c1")])
    await handle(log, MemoryRing(), [OPEN, POST])
    assert statuses(await handle(log, MemoryRing(), [voting(1, "v")])) == ["comment-removed"]
    log.others = [[event("discussion.closed", "theirs")]]
    assert statuses(await handle(log, MemoryRing(), [posting("c2", "p")])) == ["discussion-closed"]


async def test_a_decision_upon_a_refused_one_is_decided_again_and_the_rest_stands() -> None:
    log = Interrupted([], [voting(-1, "theirs", 20)])
    await handle(log, MemoryRing(), [OPEN, POST])
    batch = [
        voting(1, "v1", 10),
        voting(1, "v2", 15),
        voting(1, "v3", 25),
        voting(1, "x", voter="cem"),
    ]
    outcomes = await handle(log, MemoryRing(), [*batch, batch[0], batch[2]])
    assert statuses(outcomes) == [
        "unchanged",
        "unchanged",
        "recorded",
        "recorded",
        "unchanged",
        "duplicate",
    ]
    assert outcomes[5].position == outcomes[2].position
    standing = 0
    for row in log.rows:
        if row.stream == vote_on():
            cast: Any = codec.decode(row.topic, row.state)
            assert cast.was == standing
            standing = cast.now
    assert standing == 1


async def test_a_refusal_upon_a_refused_decision_is_decided_again() -> None:
    closing = [event("discussion.closed", "c", 20), event("discussion.reopened", "r", 25)]
    log = Interrupted([], closing)
    await handle(log, MemoryRing(), [OPEN, POST])
    batch = [event("discussion.closed", "ours", 10), posting("c2", "p2")]
    assert statuses(await handle(log, MemoryRing(), batch)) == ["unchanged", "recorded"]


async def test_a_repeat_that_another_process_recorded_meanwhile_is_a_duplicate() -> None:
    log = Interrupted([], [voting(1, "v1")])
    await handle(log, MemoryRing(), [OPEN, POST])
    (outcome,) = await handle(log, MemoryRing(), [voting(1, "v1")])
    assert (outcome.status, outcome.position) == ("duplicate", 3)


class AlwaysStale(MemoryLog):
    async def append(self, events: NewEvents) -> Sequence[int | None]:
        return [None] * len(events.ends)


async def test_attempts_are_bounded() -> None:
    (outcome,) = await handle(AlwaysStale(), MemoryRing(), [OPEN])
    assert outcome.refusal is not None
    assert (outcome.refusal.name, outcome.refusal.retryable) == ("busy", True)
    assert ATTEMPTS_MAX < 100


async def test_foreign_events_in_a_stream_count_and_change_nothing() -> None:
    log = MemoryLog()
    await handle(log, MemoryRing(), [OPEN, POST])
    foreign = NewEvent(comment("c1"), 2, "somebody.elses:Event", b"\x00not json")
    group = Group((foreign,), {comment("c1"): 1}, EventId(UUID(int=7)), b"{}")
    assert await append(log, [group]) == [Appended(3, 3)]
    outcomes = await handle(
        log, MemoryRing(), [voting(1, "v1"), event("comment.pinned", comment="c1")]
    )
    assert statuses(outcomes) == ["recorded", "recorded"]
    assert log.rows[4].version == 3


async def test_words_are_found_after_an_event_of_an_unknown_type() -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST])
    for stream, version in ((comment("c1"), 2), (person("ann"), 1)):
        foreign = NewEvent(stream, version, "somebody.elses:Event", b"\x00not json")
        await append(log, [Group((foreign,), {}, EventId(UUID(int=7)), b"{}")])
    edited = event("comment.edited", "e1", 31, comment="c1", body="Edited.")
    german = ConfigurePerson(site=SITE, who="ann", language="de")
    outcomes = await handle(log, ring, [edited, Commanded(german, act(31, name="p1"))])
    assert statuses(outcomes) == ["recorded"] * 2
    edited = event("comment.edited", "e2", 32, comment="c1", body="Edited again.")
    at_seven = ConfigurePerson(site=SITE, who="ann", hour=7)
    outcomes = await handle(log, ring, [edited, Commanded(at_seven, act(32, name="p2"))])
    assert statuses(outcomes) == ["recorded"] * 2
    configured = (await log.read_streams([person("ann")]))[person("ann")][-1]
    found = codec.decode(configured.topic, configured.state)
    assert isinstance(found, PersonConfigured) and isinstance(found.personal, bytes)
    place = StreamId(person("ann")), configured.topic, configured.event_id
    words = codec.find_words(found.personal, ring, person("ann"), *place)
    assert words is not None
    assert (words.language, words.hour) == ("de", 7)


async def test_a_collision_of_ids_is_refused() -> None:
    log = MemoryLog()
    stream, event_of_other = opened()
    other = msgspec.structs.replace(event_of_other, resource="/another")
    state = codec.encode(other)
    group = Group(
        (NewEvent(StreamId(stream), 1, "discussion.opened", state),),
        {stream: 0},
        EventId(UUID(int=7)),
        b"{}",
    )
    await append(log, [group])
    assert statuses(await handle(log, MemoryRing(), [OPEN, POST])) == ["id-collision"] * 2


# -- properties


def run(
    log: MemoryLog, articles: MemoryArticles, acts: Sequence[Act], *, rename: bool = False
) -> list[Outcome]:
    commands = [commanded({**it, "id": it["id"] + "'"} if rename else it) for it in acts]
    return asyncio.run(_with_keys(log, MemoryRing(), commands, articles))


async def _with_keys(
    log: MemoryLog, ring: MemoryRing, commands: Sequence[Commanded], articles: MemoryArticles
) -> list[Outcome]:
    await ring.make([ids.person_id(site, name) for site in "st" for name in strategies.PERSONS])
    return await handle(log, ring, commands, articles)


@settings(deadline=None, max_examples=examples(40))
@given(strategies.conversations(acts_max=60))
def test_all_of_it_published_twice_leaves_what_was_recorded_once(acts: list[Act]) -> None:
    log, articles = MemoryLog(), MemoryArticles()
    first = run(log, articles, acts)
    rows: list[Recorded] = list(log.rows)
    again = run(
        log, articles, [it for it, was in zip(acts, first, strict=True) if was.status == "recorded"]
    )
    assert log.rows == rows
    recorded = [it for it in first if it.status == "recorded"]
    assert [(it.status, it.position, it.id) for it in again] == [
        ("duplicate", it.position, it.id) for it in recorded
    ]


@settings(deadline=None, max_examples=examples(40))
@given(strategies.conversations(acts_max=40))
def test_a_decision_taken_twice_does_nothing(acts: list[Act]) -> None:
    """The same command by an event of another name, right after the first: nothing
    happens, or (a key that is taken) it is refused. A vote alone is recorded anew,
    for its greater id, and has the effect that stands.
    """
    log, articles = MemoryLog(), MemoryArticles()
    for it in acts:
        (first,) = run(log, articles, [it])
        if first.status != "recorded":
            continue
        (second,) = run(log, articles, [it], rename=True)
        if it["type"] == "vote.cast":
            cast: Any = codec.decode(log.rows[-1].topic, log.rows[-1].state)
            assert cast.was == cast.now
        elif it["type"] == "comment.posted" and "comment" not in it["data"]:
            assert second.status in ("recorded", "rejected")
        else:
            refused = ["comment-exists"]
            if it["type"] == "comment.rejected" and "wording" in it["data"]:
                refused.append("precondition-failed")  # the wording waits no more
            assert second.status == "unchanged" or statuses([second])[0] in refused
