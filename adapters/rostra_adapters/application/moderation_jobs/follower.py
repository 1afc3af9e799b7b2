"""The follower of the log that carries out bans and holds comments that many persons flagged."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rostra import ids
from rostra.commands import HoldComment
from rostra.deciding.handle import Commanded
from rostra.events import FLAGS, CommandContext
from rostra.flag import CommentFlagged
from rostra.limits import DAY_SECONDS
from rostra.log import Recorded, read_pages
from rostra.names import is_guest
from rostra.person import PersonBanned, PersonUnbanned
from rostra.times import later
from rostra_adapters.aio.background import BackgroundTask, end_background, repeat_steps
from rostra_adapters.application.app import App
from rostra_adapters.application.checkpoint import Checkpoint
from rostra_adapters.application.moderation_jobs.bans import BanRunner
from rostra_adapters.application.moderation_jobs.vote_counter import VoteCounter
from rostra_adapters.application.operational import ADDRESS_BAN_DAYS_MAX
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_adapters.clock import now

PAGE_EVENTS = 2_000
LOOK_SECONDS = 0.5
WAIT_SECONDS = 30.0
RULE = "flags"
"""Name of the rule by which flags hold a comment."""
_TOPICS = frozenset({PersonBanned.topic, PersonUnbanned.topic, CommentFlagged.topic})


class ModerationFollower:
    """Handles bans, ends of bans, and flags, in order of the log."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._store = app.moderation_jobs
        self._bans = BanRunner(app, app.moderation_jobs)

    def run(self) -> AsyncGenerator[None, None]:
        """Follow the log for ever, as the work of a background task."""
        return repeat_steps(self._handle_pages, LOOK_SECONDS)()

    async def catch_up(self) -> None:
        """Handle everything that is recorded by now.

        Another log is read from its beginning: it may lack acts that a ban had made.
        """
        async for _ in self._handle_pages():
            pass

    async def _handle_pages(self) -> AsyncGenerator[None, None]:
        """Handle all pages that are recorded by now, one a step."""
        log, head = await self._app.log.log_id(), await self._app.log.head()
        checkpoint = await self._store.checkpoint()
        position = checkpoint.position if checkpoint is not None and checkpoint.log == log else 0
        async for page in read_pages(
            self._app.log, position, head, PAGE_EVENTS, may_be_cached=True
        ):
            await self._handle(page)
            reached = Checkpoint(log, page[-1].position)
            if not await self._store.advance(checkpoint, reached):
                return  # another process is ahead, or follows another log
            checkpoint = reached
            yield

    async def _handle(self, page: Sequence[Recorded]) -> None:
        rows = [row for row in page if row.topic in _TOPICS and row.event_id is not None]
        if not rows:
            return
        await self._app.wait(rows[-1].position, WAIT_SECONDS)
        for row in rows:
            match decode_row(row):
                case PersonBanned() as event:
                    await self._ban_addresses(event)
                    await self._bans.ban(row, event)
                case PersonUnbanned() as event:
                    if is_guest(event.person):
                        await self._app.operational.unban_guest(event.site, event.person)
                    await self._bans.unban(row, event)
                case CommentFlagged() as event:
                    await self._hold_if_many(row, event)

    async def _ban_addresses(self, event: PersonBanned) -> None:
        """Ban the addresses that a banned guest wrote from, for some days from the ban on."""
        if not is_guest(event.person):
            return
        longest = later(event.time, ADDRESS_BAN_DAYS_MAX * DAY_SECONDS)
        until = longest if event.until is None else min(event.until, longest)
        if until > now():
            await self._app.operational.ban_guest(event.site, event.person, until)

    async def _hold_if_many(self, row: Recorded, event: CommentFlagged) -> None:
        """Hold a published comment once `flags_to_hold` persons have flagged it."""
        access = await self._app.lookup.access(ids.discussion_of(event.comment))
        if access is None or not access.rules.flags_to_hold or is_guest(event.by):
            return
        most = access.rules.flags_to_hold
        found = await self._app.views.reads.comment(event.comment)
        if found is None or found[1].status != "published":
            return
        if len(await self._app.views.reads.flaggers(event.comment, most=most)) < most:
            return
        command = HoldComment(
            site=access.site,
            resource=access.resource,
            comment_id=event.comment,
            by=FLAGS,
            rule=RULE,
        )
        act = CommandContext(FLAGS, str(row.event_id), event.time)
        await self._app.submit([Commanded(command, act, is_checked=True)])


@asynccontextmanager
async def run_moderation_jobs(app: App) -> AsyncIterator[None]:
    """Carry out bans, hold flagged comments and count votes while the block runs."""
    tasks = (
        BackgroundTask(ModerationFollower(app).run, "moderation"),
        BackgroundTask(VoteCounter(app).run, "votes"),
    )
    try:
        yield
    finally:
        await end_background(*tasks)
