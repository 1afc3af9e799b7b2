"""Workers that fold discussions as they stood, and answer reads of the last ones they folded."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from rostra.log import LogBusy
from rostra_adapters.aio.worker_processes import (
    end_worker,
    exchange,
    processes_at_once,
    serve,
    start_worker,
)
from rostra_adapters.application.queries.past_folds import (
    AskComment,
    AskDiscussion,
    AskHiddenReplies,
    AskPage,
    AskPassages,
    AskPending,
    Question,
    Step,
    answer,
    apply,
)
from rostra_adapters.garbage import no_garbage_collection
from rostra_adapters.lru_cache import LruCache
from rostra_projections.as_of_views import PastViews
from rostra_projections.comments.rows import CommentRow, PendingRow
from rostra_projections.cursors import Cursor, CursorRefused
from rostra_projections.listing import Listing
from rostra_projections.query_port import DiscussionRead, Page, PassageRead
from rostra_projections.responses.shapes import Viewer

WAITING_MAX = 32
"""Folds that wait for a worker; further ones are refused."""
RETRY_SECONDS = 2.0
STEP_SECONDS_MAX = 60.0
KEPT_EVENTS_MAX = 200_000
"""Events of all folds that a worker keeps."""


class Begin(msgspec.Struct, tag=True):
    """Begin to fold a discussion."""

    name: str
    discussion: UUID


class Finish(msgspec.Struct, tag=True):
    """The fold is whole, and kept under its name."""

    events: int


class Use(msgspec.Struct, tag=True):
    """Ask about a fold that is kept; the answer is its events, 0 where it is not kept."""

    name: str


class CursorRefusal(msgspec.Struct):
    """A CursorRefused on its way."""

    name: str
    detail: str


class Slot:
    """One worker, for one fold at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self.fold_names: set[str] = set()

    async def use(self, name: str) -> int:
        """Select a stored fold for the next questions.

        Return the number of events that it was made of, 0 if it is not stored any more.
        """
        if name not in self.fold_names or self._process is None:
            return 0
        try:
            return int(await self._ask(Use(name), int))
        except (EOFError, OSError):  # it has ended by itself
            return 0

    async def begin(self, name: str, discussion: UUID) -> None:
        """Begin to fold."""
        if self._process is not None and self._process.returncode is not None:
            await self.end()
        if self._process is None:
            self._process = await start_worker(__name__)
        try:
            await self._ask(Begin(name, discussion), bool)
        except (EOFError, OSError):  # it has just ended by itself
            self._process = await start_worker(__name__)
            await self._ask(Begin(name, discussion), bool)

    async def step(self, step: Step) -> bool:
        """Take a step of the fold; False where the fold is of no use."""
        return bool(await self._ask(step, bool))

    async def finish(self, events: int) -> None:
        """Have the fold kept."""
        self.fold_names = set(await self._ask(Finish(events), list[str]))

    async def ask(self, question: Question) -> Any:
        """Answer a question. Raises CursorRefused."""
        refused, found = await self._ask(question, ANSWERS[type(question)])
        if refused is not None:
            raise CursorRefused(refused.name, refused.detail)
        return found

    async def end(self) -> None:
        """End the worker."""
        process, self._process, self.fold_names = self._process, None, set()
        if process is not None:
            await end_worker(process)

    async def _ask(self, asked: object, kind: Any) -> Any:
        assert self._process is not None
        try:
            async with asyncio.timeout(STEP_SECONDS_MAX):
                said = await exchange(self._process, msgspec.msgpack.encode(asked))
        except BaseException:
            await asyncio.shield(self.end())
            raise
        return msgspec.msgpack.decode(said, type=kind)


ANSWERS: dict[type[Question], Any] = {
    AskPage: tuple[CursorRefusal | None, Page | None],
    AskHiddenReplies: tuple[None, dict[UUID, int]],
    AskComment: tuple[None, tuple[int, CommentRow] | None],
    AskPending: tuple[None, dict[UUID, PendingRow]],
    AskDiscussion: tuple[None, tuple[int, DiscussionRead] | None],
    AskPassages: tuple[None, tuple[int, list[PassageRead]]],
}
"""Types of answers: the refusal of a page, and the result."""


class FoldedElsewhere:
    """Reads of a fold that a worker holds, with the methods of `Reads` that queries use."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    async def page(
        self, listing: Listing, viewer: Viewer, *, begin: Cursor | None, limit: int, replies: int
    ) -> Page:
        found: Page = await self._slot.ask(AskPage(listing, viewer, begin, limit, replies))
        return found

    async def hidden_replies(self, person: str, comments: Sequence[UUID]) -> dict[UUID, int]:
        found: dict[UUID, int] = await self._slot.ask(AskHiddenReplies(person, comments))
        return found

    async def comment(self, comment: UUID) -> tuple[int, CommentRow] | None:
        found: tuple[int, CommentRow] | None = await self._slot.ask(AskComment(comment))
        return found

    async def pending(self, comments: Sequence[UUID]) -> dict[UUID, PendingRow]:
        found: dict[UUID, PendingRow] = await self._slot.ask(AskPending(comments))
        return found

    async def discussion(self, discussion: UUID) -> tuple[int, DiscussionRead] | None:
        found: tuple[int, DiscussionRead] | None = await self._slot.ask(AskDiscussion(discussion))
        return found

    async def passages(self, discussion: UUID) -> tuple[int, list[PassageRead]]:
        found: tuple[int, list[PassageRead]] = await self._slot.ask(AskPassages(discussion))
        return found


class PastWorkers:
    """Pool of worker processes; each keeps its latest folds."""

    def __init__(self, workers_max: int | None = None) -> None:
        count = workers_max or processes_at_once()
        self._idle = [Slot() for _ in range(count)]
        self._slots = tuple(self._idle)
        self._free = asyncio.Semaphore(count)
        self._waiting = 0
        self._names: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._closed = False

    @property
    def busy(self) -> int:
        """Workers that have a fold to make or to read."""
        return len(self._slots) - len(self._idle)

    def has_fold(self, name: str) -> bool:
        """Return whether a worker may still have a fold."""
        return any(name in slot.fold_names for slot in self._slots)

    @asynccontextmanager
    async def slot(self, name: str) -> AsyncIterator[Slot]:
        """Yield a worker for a fold, if possible the one that holds it. Raises LogBusy."""
        if self._waiting >= WAITING_MAX or self._closed:
            raise LogBusy(RETRY_SECONDS)
        lock = self._names.setdefault(name, asyncio.Lock())
        self._waiting += 1
        try:
            await lock.acquire()
            try:
                await self._free.acquire()
            except BaseException:
                lock.release()
                raise
        finally:
            self._waiting -= 1
        slot = next((slot for slot in self._idle if name in slot.fold_names), self._idle[0])
        self._idle.remove(slot)
        try:
            yield slot
        except (EOFError, OSError, TimeoutError) as error:
            raise LogBusy(RETRY_SECONDS) from error
        finally:
            self._idle.append(slot)
            self._free.release()
            lock.release()

    async def close(self) -> None:
        """End all workers."""
        self._closed = True
        for slot in self._slots:
            await slot.end()


# -- in the worker


class _Worker:
    """The folds that are kept, and the one that is being made or asked about."""

    def __init__(self) -> None:
        # A fold heavier than the bound is kept alone.
        self._kept: LruCache[str, tuple[PastViews, int]] = LruCache(
            KEPT_EVENTS_MAX, lambda _, fold: min(fold[1], KEPT_EVENTS_MAX)
        )
        self._name = ""
        self._views = PastViews(UUID(int=0))

    def answer(self, job: bytes) -> bytes:
        """Answer one message."""
        return msgspec.msgpack.encode(self._answer(_decoder.decode(job)))

    def _answer(self, asked: "_Message") -> Any:
        match asked:
            case Begin():
                self._name, self._views = asked.name, PastViews(asked.discussion)
                return True
            case Finish():
                self._kept.put(self._name, (self._views, asked.events))
                return list(self._kept)
            case Use():
                fold = self._kept.find(asked.name)
                if fold is None:
                    return 0
                self._views, events = fold
                return events
            case (
                AskPage()
                | AskHiddenReplies()
                | AskComment()
                | AskPending()
                | AskDiscussion()
                | AskPassages()
            ):
                try:
                    return None, _at_once(answer(self._views, asked))
                except CursorRefused as refused:
                    return CursorRefusal(refused.name, refused.detail), None
            case _:
                return apply(self._views, asked)


_Message = Begin | Finish | Use | Step | Question
_decoder = msgspec.msgpack.Decoder(_Message)


def _at_once(coroutine: Any) -> Any:
    """Return the result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("views in memory wait for nothing")


if __name__ == "__main__":
    with no_garbage_collection():
        serve(_Worker().answer, sys.stdin.buffer, sys.stdout.buffer)
