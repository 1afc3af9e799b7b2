"""The job of a ban: an event for each comment and vote, in small batches.

A job that is broken off goes on from its last batch. It may run twice at once: its event ids are
made of the ban's, and each decision asks whether the ban has been taken back meanwhile.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.commands import (
    DiscussionCommand,
    NullifyVote,
    RemoveComment,
    RestoreComment,
    RestoreVote,
)
from rostra.deciding.ban_acts import act_name
from rostra.deciding.handle import Commanded
from rostra.events import BANS, CommandContext
from rostra.ids import CommentId, StreamId
from rostra.log import Recorded
from rostra.person import PersonBanned, PersonUnbanned
from rostra.times import Time
from rostra_adapters.application.access import Access
from rostra_adapters.application.app import App
from rostra_adapters.application.moderation_jobs.store import BanJob, JobStore
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_projections.query_port import Queued

BATCH_ACTS_MAX = 100
PAGE_COMMENTS = 500
REASON = "ban"
"""Reason of an act whose ban has none."""


_Make = Callable[[Access, UUID], DiscussionCommand]
"""Makes the command about a comment from its discussion's access and its id."""


class _Ban(msgspec.Struct, frozen=True):
    """A ban with the id of its event."""

    id: UUID
    event: PersonBanned


class BanRunner:
    """Carries out bans, and takes them back."""

    def __init__(self, app: App, store: JobStore) -> None:
        self._app = app
        self._store = store

    async def ban(self, row: Recorded, event: PersonBanned) -> None:
        """Remove the comments and nullify the votes that a ban is to take away."""
        assert row.event_id is not None
        ban = _Ban(row.event_id, event)
        job = await self._begin(row, event.site, event.person)
        reason = await self._reason(ban)
        if job.stage == "comments" and event.comments == "remove":
            job = await self._comments(
                job, event, lambda access, one: _remove(access, one, ban, reason), [ban]
            )
        job = await self._next(job, "votes")
        if job.stage == "votes" and event.votes == "nullify":
            job = await self._votes(
                job, event, lambda access, one: _nullify(access, one, ban, reason), [ban]
            )
        await self._next(job, "done")

    async def unban(self, row: Recorded, event: PersonUnbanned) -> None:
        """Take back what the ban that ends has removed and nullified."""
        assert row.event_id is not None
        bans = await self._bans_before(row)
        if not event.restore or not bans:
            return
        job = await self._begin(row, event.site, event.person)
        if any(ban.event.comments == "remove" for ban in bans):
            job = await self._comments(
                job, event, lambda access, one: _restore(access, one, event), bans
            )
        job = await self._next(job, "votes")
        if any(ban.event.votes == "nullify" for ban in bans):
            job = await self._votes(
                job, event, lambda access, one: _restore_vote(access, one, event), bans
            )
        await self._next(job, "done")

    # -- stages

    async def _begin(self, row: Recorded, site: str, person: str) -> BanJob:
        assert row.event_id is not None
        log = await self._app.log.log_id()
        job = await self._store.find(row.event_id, log)
        if job is not None:
            return job
        total = 0
        async for page in self._comments_of(site, person, row.position):
            total += len(page)
        job = BanJob(
            act=row.event_id,
            person=row.stream,
            log=log,
            position=row.position,
            comments_total=total,
        )
        await self._store.save(job)
        return job

    async def _next(self, job: BanJob, stage: str) -> BanJob:
        """Move a job to its next stage, unless it is there already."""
        stages = ("comments", "votes", "done")
        if stages.index(job.stage) >= stages.index(stage):
            return job
        job = msgspec.structs.replace(job, stage=stage, cursor=None)
        await self._store.save(job)
        return job

    async def _comments(
        self,
        job: BanJob,
        event: PersonBanned | PersonUnbanned,
        make: _Make,
        bans: Sequence[_Ban],
    ) -> BanJob:
        if job.stage != "comments":
            return job
        start = job.position if job.cursor is None else job.cursor
        async for page in self._comments_of(event.site, event.person, start, BATCH_ACTS_MAX):
            streams = [StreamId(one.row.id) for one in page]
            done = await self._act(job, streams, streams, make, bans, event.time)
            job = msgspec.structs.replace(job, cursor=page[-1].since, comments=job.comments + done)
            await self._store.save(job)
        return job

    async def _votes(
        self,
        job: BanJob,
        event: PersonBanned | PersonUnbanned,
        make: _Make,
        bans: Sequence[_Ban],
    ) -> BanJob:
        if job.stage != "votes":
            return job
        start = job.position if job.cursor is None else job.cursor
        async for page in self._comments_of(event.site, None, start):
            comments = {
                ids.vote_id(CommentId(StreamId(one.row.id)), event.person): StreamId(one.row.id)
                for one in page
            }
            rows = await self._app.log.read_streams(list(comments))
            votes = [
                StreamId(vote)
                for vote, cast in rows.items()
                if cast and cast[0].position < job.position
            ]
            done = 0
            for begin in range(0, len(votes), BATCH_ACTS_MAX):
                batch = votes[begin : begin + BATCH_ACTS_MAX]
                about = [comments[ids.VoteId(vote)] for vote in batch]
                done += await self._act(job, batch, about, make, bans, event.time)
            job = msgspec.structs.replace(job, cursor=page[-1].since, votes=job.votes + done)
            await self._store.save(job)
        return job

    async def _comments_of(
        self, site: str, author: str | None, before: int, size: int = PAGE_COMMENTS
    ) -> AsyncIterator[list[Queued]]:
        """Yield the comments of a site, or of one author there, before a position."""
        while True:
            _, page = await self._app.views.reads.queue(
                site, "recent", limit=size, after=before, author=author
            )
            if page:
                yield page
            if len(page) < size:
                return
            before = page[-1].since

    # -- acts

    async def _act(
        self,
        job: BanJob,
        streams: Sequence[StreamId],
        comments: Sequence[StreamId],
        make: _Make,
        bans: Sequence[_Ban],
        time: Time,
    ) -> int:
        """Do one act on each stream for each ban. Return the number of recorded ones."""
        acts: list[Commanded] = []
        for stream, comment in zip(streams, comments, strict=True):
            access = await self._app.lookup.access(ids.discussion_of(comment))
            if access is None:
                continue
            command = make(access, comment)
            acts += [_commanded(command, job.act, ban.id, stream, time) for ban in bans]
        outcomes = await self._app.submit(acts)
        refused = [
            each
            for each, outcome in zip(acts, outcomes, strict=True)
            if outcome.refusal is not None and outcome.refusal.name == "person-erased"
        ]
        if refused:  # the moderator was erased meanwhile
            again = [
                msgspec.structs.replace(
                    each, command=msgspec.structs.replace(each.command, by=BANS), is_checked=True
                )
                for each in refused
            ]
            outcomes = [*outcomes, *await self._app.submit(again)]
        return sum(outcome.status == "recorded" for outcome in outcomes)

    async def _reason(self, ban: _Ban) -> str:
        event, ring = ban.event, self._app.ring
        owner = ids.person_id(event.site, event.by)
        await ring.load([owner])
        stream, sealed = ids.person_id(event.site, event.person), codec.sealed_words(event)
        words = codec.find_words(sealed, ring, owner, stream, PersonBanned.topic, ban.id)
        return REASON if words is None else words.reason or REASON

    async def _bans_before(self, row: Recorded) -> list[_Ban]:
        """Return the bans that an event ends: those since the end of the ban before."""
        bans: list[_Ban] = []
        for each in (await self._app.log.read_streams([row.stream]))[row.stream]:
            if each.position >= row.position:
                break
            event = decode_row(each)
            if isinstance(event, PersonBanned) and each.event_id is not None:
                if bans and (until := bans[-1].event.until) is not None and until <= event.time:
                    bans.clear()  # the term of the ban before had ended
                bans.append(_Ban(each.event_id, event))
            elif isinstance(event, PersonUnbanned):
                bans.clear()
        return bans


def _commanded(
    command: DiscussionCommand, act: UUID, cause: UUID, stream: StreamId, time: Time
) -> Commanded:
    """Return an act at the time of the ban or its end: later acts of others win over it."""
    name = act_name(act, stream) if act == cause else f"{act_name(act, stream)}/{cause}"
    return Commanded(command, CommandContext(BANS, name, time, cause=cause), is_checked=True)


def _remove(access: Access, comment: UUID, ban: _Ban, reason: str) -> RemoveComment:
    return RemoveComment(
        site=access.site,
        resource=access.resource,
        comment_id=comment,
        by=ban.event.by,
        reason=reason,
    )


def _nullify(access: Access, comment: UUID, ban: _Ban, reason: str) -> NullifyVote:
    return NullifyVote(
        site=access.site,
        resource=access.resource,
        comment_id=comment,
        voter=ban.event.person,
        by=ban.event.by,
        reason=reason,
    )


def _restore(access: Access, comment: UUID, event: PersonUnbanned) -> RestoreComment:
    return RestoreComment(
        site=access.site, resource=access.resource, comment_id=comment, by=event.by
    )


def _restore_vote(access: Access, comment: UUID, event: PersonUnbanned) -> RestoreVote:
    return RestoreVote(
        site=access.site,
        resource=access.resource,
        comment_id=comment,
        voter=event.person,
        by=event.by,
        reason=REASON,
    )
