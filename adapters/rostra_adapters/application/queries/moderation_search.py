"""Search of a site's newest comments for words, without an index of plain text.

A process of its own opens the words, for one search at a time, and ends with it.
"""

import asyncio
from uuid import UUID

import msgspec

from rostra import ids
from rostra.log import LogBusy
from rostra_adapters.aio.worker_processes import end_worker, exchange, start_worker
from rostra_adapters.application.app import App
from rostra_adapters.application.queries import word_search
from rostra_adapters.application.queries.moderation import Moderating
from rostra_adapters.application.queries.word_search import SearchPart
from rostra_projections.query_port import SealedComment
from rostra_projections.responses.shapes import FoundPage

PART_COMMENTS_MAX = 2_000
FOUND_MAX = 100
RETRY_SECONDS = 2.0

_found = msgspec.msgpack.Decoder(list[UUID])


class SearchBusy(Exception):
    """Another search is running."""


class ModerationSearch:
    """Searches over one App."""

    def __init__(self, app: App, *, comments_max: int, seconds_max: float) -> None:
        self._app = app
        self._moderating = Moderating(app)
        self._comments_max = comments_max
        self._seconds_max = seconds_max
        self._lock = asyncio.Lock()

    async def find(self, site: str, words: str) -> FoundPage:
        """Search the site's newest comments for all the words.

        The search ends early after a number of seconds, or once enough is found. Raises SearchBusy,
        and LogBusy if the process of the search ends by itself.
        """
        if self._lock.locked():
            raise SearchBusy
        async with self._lock:
            await self._app.views.fresh()
            process = await start_worker(word_search.__name__)
            try:
                found, searched, is_complete = await self._search(process, site, words)
            except (EOFError, OSError) as error:
                raise LogBusy(RETRY_SECONDS) from error
            finally:
                await asyncio.shield(end_worker(process))
        queued = await self._app.views.reads.queue_items(found)
        comments = await self._moderating.shapes(site, queued)
        return FoundPage(comments=comments, searched=searched, complete=is_complete)

    async def _search(
        self, process: asyncio.subprocess.Process, site: str, words: str
    ) -> tuple[list[UUID], int, bool]:
        """Return the comments found, the number searched, and whether those are all."""
        found: list[UUID] = []
        searched, before = 0, None
        try:
            async with asyncio.timeout(self._seconds_max):
                while searched < self._comments_max:
                    limit = min(PART_COMMENTS_MAX, self._comments_max - searched)
                    comments = await self._app.views.reads.sealed_comments(
                        site, limit=limit, before=before
                    )
                    if not comments:
                        break
                    found += await self._search_part(process, site, words, comments)
                    searched, before = searched + len(comments), comments[-1].posted
                    if len(found) > FOUND_MAX:
                        return found[:FOUND_MAX], searched, False
        except TimeoutError:
            return found, searched, False
        return found, searched, True

    async def _search_part(
        self,
        process: asyncio.subprocess.Process,
        site: str,
        words: str,
        comments: list[SealedComment],
    ) -> list[UUID]:
        authors = {comment.author for comment in comments}
        keys = await self._app.ring.plain_keys([ids.person_id(site, one) for one in authors])
        part = SearchPart(site, words, comments, keys)
        return _found.decode(await exchange(process, msgspec.msgpack.encode(part)))
