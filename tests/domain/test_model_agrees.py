"""The domain does what an independent model of the contract does."""

import asyncio
from collections import defaultdict
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from rostra import codec, ids
from rostra.comment import Comment
from rostra.deciding.handle import Outcome, handle
from rostra.deciding.stream_states import fold
from rostra.ids import Kind
from rostra.vote import VoteCast, VoteNullified, VoteRestored
from support import strategies
from support.effort import examples
from support.harness import commanded
from support.memory import MemoryArticles, MemoryLog, MemoryRing
from support.model import Act, Model


def _name(outcome: Outcome) -> str:
    return outcome.refusal.name if outcome.refusal else outcome.status


def _handled(log: MemoryLog, batches: list[list[Act]]) -> list[Outcome]:
    async def run() -> list[Outcome]:
        ring, articles = MemoryRing(), MemoryArticles()
        return [
            outcome
            for batch in batches
            for outcome in await handle(log, ring, [commanded(act) for act in batch], articles)
        ]

    return asyncio.run(run())


@settings(deadline=None, max_examples=examples(100))
@given(st.data())
def test_what_becomes_of_each_act_is_what_the_model_says(data: st.DataObject) -> None:
    sequence = data.draw(st.one_of(strategies.conversations(), strategies.upheavals()))
    batches = data.draw(strategies.batches(sequence))
    log, model = MemoryLog(), Model()
    outcomes = _handled(log, batches)
    for act, outcome in zip(sequence, outcomes, strict=True):
        assert _name(outcome) == model.apply(act), act
        if outcome.status in ("recorded", "duplicate"):
            assert outcome.position == model.first_position(act)
    assert len(log.rows) == model.position
    _assert_votes_add_up(log, model)
    _assert_comments_stand(log, model)


def _assert_comments_stand(log: MemoryLog, model: Model) -> None:
    """Every comment folds to what the model has, and each change says what was before."""
    streams: dict[UUID, list[codec.AnyEvent]] = defaultdict(list)
    for row in log.rows:
        event = codec.decode(row.topic, row.state)
        if ids.kind_of(row.stream) is Kind.COMMENT and event is not None:
            before = fold(Kind.COMMENT, streams[row.stream]).status
            assert getattr(event, "was", before) == before
            streams[row.stream].append(event)
            after = fold(Kind.COMMENT, streams[row.stream]).status
            assert getattr(event, "now", after) == after
    assert streams.keys() == model.comments.keys()
    for stream, events in streams.items():
        standing: Comment = fold(Kind.COMMENT, events)
        seen = model.comment(stream)
        assert standing.posted is not None
        assert standing.status == model.status(model.comments[stream])
        assert standing.pinned == seen["pinned"]
        assert (standing.edited or None) == seen["edited_at"]
        pending, waits = standing.pending, model.comments[stream]["pending"]
        assert (pending and (pending.named.source, pending.named.id)) == (waits and waits["named"])
        for field in ("key", "parent", "depth", "passage"):
            assert getattr(standing.posted, field) == seen[field]


def _assert_votes_add_up(log: MemoryLog, model: Model) -> None:
    """Adding `now - was` gives the model's totals, and `was` is what stood."""
    standing: dict[UUID, int] = defaultdict(int)
    effects: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for row in log.rows:
        match codec.decode(row.topic, row.state):
            case (
                VoteCast(was=was, now=now, comment=comment)
                | VoteNullified(was=was, now=now, comment=comment)
                | VoteRestored(was=was, now=now, comment=comment)
            ):
                assert standing[row.stream] == was
                standing[row.stream] = effects[comment][row.stream] = now
    for comment in model.comments:
        votes = [effect for effect in effects[comment].values() if effect]
        assert sorted(votes) == sorted(filter(None, model.effects(comment)))
