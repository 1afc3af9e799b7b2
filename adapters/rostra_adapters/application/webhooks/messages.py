"""The message of an event to a webhook: the feed's CloudEvent with the words that it may have."""

from typing import Any
from uuid import uuid4

import msgspec

from rostra import codec, ids
from rostra.article import ArticleRevised
from rostra.codec import AnyEvent
from rostra.comment import (
    CommentApproved,
    CommentEdited,
    CommentHeld,
    CommentPinned,
    CommentPosted,
    CommentRejected,
    CommentRemoved,
    CommentRestored,
    CommentUnpinned,
    CommentWordingHeld,
    CommentWordingRejected,
)
from rostra.discussion import DiscussionOpened
from rostra.ids import Kind
from rostra.log import Recorded
from rostra.passage import PassageMarked
from rostra.person import PersonConfigured
from rostra.times import Time
from rostra_adapters.application.app import App
from rostra_adapters.application.feed.events import Feed
from rostra_adapters.application.queries.history import comment_state
from rostra_adapters.application.stream_state_reader import StreamStateReader, decode_row
from rostra_adapters.application.webhooks.store import Webhook

SOURCE = "rostra:webhooks"
TEST_TYPE = "webhook.test"
WORDS = frozenset(
    {"title", "url", "name", "reason", "exact", "prefix", "suffix", "question", "text"}
)
"""Fields of an event's data that hold words, besides `body` and `author`."""
_WITH_PUBLIC_WORDS = (
    CommentRemoved,
    CommentRestored,
    CommentApproved,
    CommentRejected,
    CommentWordingRejected,
    CommentHeld,
    CommentPinned,
    CommentUnpinned,
    PersonConfigured,
)
_SITE_KINDS = (Kind.SITE, Kind.PERSON)


class MessageWriter:
    """Writes messages. Words are opened when a message is written, and never stored."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._feed = Feed(app.log, app.ring, app.articles)
        self._states = StreamStateReader(app.log)

    async def message(self, row: Recorded, webhook: Webhook) -> bytes | None:
        """Return the message of an event; None if it is not in the feed.

        Without `with_held` it has only words that the public is shown now, else `withheld` is true.
        Without `with_email` it has no e-mail address.
        """
        found = await self._feed.events_of([row])
        if not found:
            return None
        event: dict[str, Any] = msgspec.json.decode(found[0].json)
        data = event["data"]
        author = data.get("author")
        if not webhook.with_email and isinstance(author, dict):
            author.pop("email", None)
        if not webhook.with_held and not await self._is_public(row, webhook.site):
            _withhold(data)
        return msgspec.json.encode(event)

    async def _is_public(self, row: Recorded, site: str) -> bool:
        """Return whether the public is shown the words of an event."""
        event = decode_row(row)
        if event is None or await self._is_private(row, site):
            return False
        return await self._is_shown(row, event)

    async def _is_private(self, row: Recorded, site: str) -> bool:
        if ids.kind_of(row.stream) in _SITE_KINDS:
            return (await self._app.lookup.site_rules(site)).private
        access = await self._app.lookup.current_access(ids.discussion_of(row.stream), site)
        return access is None or access.rules.private

    async def _is_shown(self, row: Recorded, event: AnyEvent) -> bool:
        """Return whether the public is shown the event's words now.

        Words that others have replaced are not. Reasons are public in the log of moderation. Those
        of flags, votes and bans are not in it.
        """
        match event:
            case CommentPosted() | CommentEdited() | CommentWordingHeld():
                state = await comment_state(self._app.log, row.stream)
                return state.status == "published" and state.words_version == row.version
            case DiscussionOpened():
                (now,) = await self._states.of([row.stream])
                return event.title in (None, now.title) and event.url in (None, now.url)
            case ArticleRevised():
                (now,) = await self._states.of([row.stream])
                return bool(event.hash == now.current.hash)
            case PassageMarked():
                return await self._is_marked(row, event)
        return isinstance(event, _WITH_PUBLIC_WORDS) or codec.personal_of(event) is None

    async def _is_marked(self, row: Recorded, event: PassageMarked) -> bool:
        """Return whether a passage is shown, and still with the question of this event.

        A person's passage is shown once a comment on it is.
        """
        (now,) = await self._states.of([row.stream])
        if not now.marked or event.question != now.mark.question:
            return False
        if event.key is not None:
            return True
        _, found = await self._app.views.reads.passages(ids.discussion_of(row.stream))
        return any(one.row.id == row.stream and one.comments + one.replies > 0 for one in found)


def _withhold(data: dict[str, Any]) -> None:
    """Take the words out of an event's data."""
    gone = [field for field in data if field in WORDS]
    for field in gone:
        del data[field]
    if "body" in data:
        data["body"] = None
    if isinstance(author := data.get("author"), dict):
        data["author"] = {"id": author["id"]}
    if gone or "body" in data:
        data["withheld"] = True


def sample_message(site: str, time: Time) -> bytes:
    """Return the message that tries a webhook."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": SOURCE,
            "type": TEST_TYPE,
            "time": time,
            "data": {"site": site},
        }
    )
