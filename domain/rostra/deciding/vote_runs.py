"""Decisions on consecutive votes, with plain values.

A comment, its discussion, its site and their rules are read once for all votes on the comment. A
person is read once for all their votes. Other votes are decided as single commands: repeats,
refusals, votes without effect, and persons' own acts.
"""

from collections.abc import Iterable

import msgspec

from rostra import codec, discussion, ids, site
from rostra.commands import CastVote, Commanded
from rostra.deciding.batch_decider import BatchDecider, Decision
from rostra.deciding.decide import acting, by_own_name, rules_of
from rostra.deciding.stream_cache import CommentName, StreamCache, VotedComment
from rostra.deciding.stream_states import EventRef, FirstVote, NeedsMore, StreamState
from rostra.limits import STREAM_EVENTS_MAX, STREAM_EVENTS_RESERVED, VOTE_CHANGES_MAX
from rostra.names import OUR_IDS
from rostra.refusals import Refusal
from rostra.vote import Vote, VoteCast

_VALUES = {"both": (-1, 0, 1), "up": (0, 1), "off": (0,)}
_VERSIONS_MAX = STREAM_EVENTS_MAX - STREAM_EVENTS_RESERVED
_encode = codec.encode


class _Voter(msgspec.Struct, frozen=True, gc=False):
    """A person who may vote."""

    json: bytes
    stream: int
    version: int
    is_ours: bool


class _Source(msgspec.Struct, frozen=True, gc=False):
    """A source of events."""

    text: str
    """The same object for all votes of a run, which the cache keeps."""
    json: bytes
    events: bytes
    """Part of the ids of its events."""
    is_ours: bool


def cast_votes(  # noqa: PLR0915  # see below
    batch: BatchDecider, votes: Iterable[tuple[int, Commanded]], cache: StreamCache | None = None
) -> None:
    """Decide votes that follow each other.

    One long loop, since every call costs as much as several of its lines: a service spends most
    of its time on votes.
    """
    comments: dict[CommentName, VotedComment | None] = {}
    voters: dict[tuple[str, str], _Voter | None] = {}
    sources: dict[str, _Source] = {}
    find, write, rows, expected = batch.states.find, batch.states.write, batch.rows, batch.expected
    for index, commanded in votes:
        act = commanded.act
        command: CastVote = commanded.command  # type: ignore[assignment]
        site_name, voter_id, value = command.site, command.voter, command.value
        id_ = command.comment_id
        number = None if id_ is None else id_.int  # to hash a UUID takes two calls
        named = (site_name, command.resource, command.discussion_id, command.comment, number)
        if named in comments:
            comment = comments[named]
        else:
            comment = comments[named] = _comment(batch, command, named, cache)
        if (
            comment is None
            or act.person is not None
            or value not in comment.values
            or voter_id == comment.barred
        ):
            batch.decide(index, commanded)
            continue
        if (site_name, voter_id) in voters:
            voter = voters[site_name, voter_id]
        else:
            voter = voters[site_name, voter_id] = _voter(batch, command, comment)
        if act.source in sources:
            source = sources[act.source]
        else:
            source = sources[act.source] = _source(act.source)
        if voter is None or (voter.is_ours and not source.is_ours):
            batch.decide(index, commanded)
            continue
        stream = ids.number_of(*comment.votes, voter.json)
        before = find(stream)
        if before is None:
            batch.decide(index, commanded)
            continue
        event_json = _encode(act.id)
        event_id = ids.event_number(source.events, event_json)
        vote: Vote = before.state
        seen = before.seen
        version = len(seen)
        order = (act.time, act.source, act.id)
        if seen and (
            order <= vote.order
            or vote.voter != voter_id
            or vote.comment != comment.id
            or vote.casts > VOTE_CHANGES_MAX
            or version >= _VERSIONS_MAX
            or before.fault is not None
            or event_id in [each.event_id for each in seen]
        ):
            batch.decide(index, commanded)
            continue
        effect = 0 if vote.nullified else value
        state = _encode(
            VoteCast(
                time=act.time,
                source=act.source,
                id=act.id,
                comment=comment.id,
                voter=voter_id,
                value=value,  # type: ignore[arg-type]  # bounded by its decoder
                was=0 if vote.nullified else vote.value,
                now=effect,  # type: ignore[arg-type]
            )
        )
        metadata = b'{"source":%b,"id":%b,"by":%b}' % (source.json, event_json, voter.json)
        ref: EventRef
        if version:
            ref = EventRef(event_id, VoteCast.topic, None, value)
            after = Vote(
                comment.id,
                voter_id,
                order,
                value,  # type: ignore[arg-type]
                vote.nullified,
                vote.ruled,
                vote.casts + 1,
            )
            write(stream, before, StreamState(after, (*seen, ref), before.payload_bytes))
        else:
            ref = FirstVote(
                event_id,
                VoteCast.topic,
                None,
                value,
                comment.id,
                voter_id,
                act.time,
                source.text,
                act.id,
            )
            write(stream, before, ref)
        if stream not in expected:
            expected[stream] = version
        guards = {**comment.guards, voter.stream: voter.version, stream: version}
        batch.by_command[index] = Decision(stream, guards, None, 1, len(rows), 0, (ref,))
        rows.append((stream, version + 1, VoteCast.topic, state, event_id, metadata))


def _comment(
    batch: BatchDecider, command: CastVote, name: CommentName, cache: StreamCache | None
) -> VotedComment | None:
    """Return the comment that votes are on, None if none may be cast or streams are missing."""
    comment = None if cache is None else cache.find_comment(name)
    if comment is not None:
        states, find = batch.states.by_stream, batch.states.find
        for stream, state in comment.streams:
            if (states[stream] if stream in states else find(stream)) is not state:
                comment = None
                break
    if comment is None:
        comment = _look_up(batch, command)
        if comment is None:
            return None
        if cache is not None:
            cache.put_comment(name, comment)
    batch.votes_upon.append(comment.guards)
    return comment


def _look_up(batch: BatchDecider, command: CastVote) -> VotedComment | None:
    context = batch.context()
    try:
        own = by_own_name(command, context)
        site.check(context.site(own.site_id), own.site)
        discussion.check(context.discussion(own.discussion), own)
        about = context.comment(own.target)
        rules = rules_of(own, context)
    except (Refusal, NeedsMore):  # raised again by the decision on each vote
        return None
    if about.posted is None or about.removed:
        return None
    return VotedComment(
        own.target,
        tuple([(stream, batch.states.by_stream[stream]) for stream in context.guards]),
        context.guards,
        ids.votes_start(own.target),
        ids.persons_start(own.site),
        _VALUES[rules.voting],
        None if rules.self_votes else about.posted.author,
    )


def _voter(batch: BatchDecider, command: CastVote, comment: VotedComment) -> _Voter | None:
    """Return the person who votes, None if they may not or their stream is missing.

    Votes of a banned person are decided one by one, since the ban's term is compared with each.
    """
    json = _encode(command.voter)
    stream = ids.number_of(*comment.persons, json)
    state = batch.states.find(stream)
    if state is None:
        return None
    if state.seen or batch.keyless:
        try:
            known = acting(command, command.voter, batch.context())
        except Refusal:
            return None
        if known.ban is not None:
            return None
    version = len(state.seen)
    batch.votes_upon.append({stream: version})
    return _Voter(json, stream, version, command.voter.startswith(OUR_IDS))


def _source(source: str) -> _Source:
    json = _encode(source)
    return _Source(source, json, ids.events_start(json), source.startswith(OUR_IDS))
