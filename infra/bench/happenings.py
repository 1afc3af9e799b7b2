"""From an event to the CloudEvent that makes it happen. Things are named by our ids."""

from typing import Any
from uuid import UUID

from rostra.codec import AnyEvent
from rostra.comment import CommentEdited, CommentPosted
from rostra.discussion import DiscussionOpened
from rostra.events import Words
from rostra.flag import CommentFlagged
from rostra.ids import Kind, kind_of
from rostra.passage import PassageMarked
from rostra.site import SiteConfigured
from rostra.vote import VoteCast


def cloudevent(
    stream: UUID, event: AnyEvent, *, name: str, source: str, site: str, resource: str
) -> dict[str, Any]:
    """The CloudEvent; words must not be sealed yet."""
    data: dict[str, Any] = {"site": site, **_data(stream, event)}
    if not isinstance(event, SiteConfigured):
        data["resource"] = resource
    return {
        "specversion": "1.0",
        "type": event.topic,
        "source": source,
        "id": name,
        "time": event.time,
        "data": {key: value for key, value in data.items() if value is not None},
    }


def _data(stream: UUID, event: AnyEvent) -> dict[str, Any]:
    match event:
        case SiteConfigured():
            return {"settings": event.settings}
        case DiscussionOpened():
            return {"title": event.title, "url": event.url}
        case PassageMarked():
            return {
                "passage": event.key,
                "exact": event.exact,
                "start": event.start,
                "end": event.end,
            }
        case CommentPosted():
            return _posted(event)
        case CommentEdited():
            return {"comment_id": str(stream), "body": _words(event).body, "by": event.by}
        case CommentFlagged():
            reason = _words(event).reason
            return {"comment_id": str(event.comment), "by": event.by, "reason": reason}
        case VoteCast():
            return {
                "comment_id": str(event.comment),
                "voter": event.voter,
                "value": event.value,
            }
    return _moderated(stream, event)


def _posted(event: CommentPosted) -> dict[str, Any]:
    parent = event.asked or event.parent
    words = _words(event)
    return {
        "comment": event.key,
        "parent_id": str(parent) if parent else None,
        "passage_id": str(event.passage) if event.passage else None,
        "author": {"id": event.author, "name": words.name},
        "body": words.body,
        "status": event.status,
    }


def _moderated(stream: UUID, event: AnyEvent) -> dict[str, Any]:
    """A comment's status or pin, or a discussion closed or reopened."""
    data: dict[str, Any] = {"by": getattr(event, "by", None)}
    if kind_of(stream) is Kind.COMMENT:
        data["comment_id"] = str(stream)
    if isinstance(words := getattr(event, "personal", None), Words):
        data["reason"] = words.reason
    return data


def _words(event: CommentPosted | CommentEdited | CommentFlagged) -> Words:
    assert isinstance(event.personal, Words)
    return event.personal
