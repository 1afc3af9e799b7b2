"""The `data` of a feed's event: the fields that publish it again, and the ids."""

from collections.abc import Mapping
from typing import assert_never
from uuid import UUID

from rostra import ids
from rostra.article import ArticleMarked, ArticleRevised
from rostra.codec import AnyEvent
from rostra.comment import (
    CommentApproved,
    CommentEdited,
    CommentEvent,
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
from rostra.discussion import (
    DiscussionAliased,
    DiscussionClosed,
    DiscussionMoved,
    DiscussionOpened,
    DiscussionReopened,
)
from rostra.events import Words
from rostra.fields import web_url
from rostra.flag import CommentFlagged
from rostra.passage import (
    PassageClosed,
    PassageMarked,
    PassageMoved,
    PassageOrphaned,
    PassageReopened,
    PassageUnmarked,
)
from rostra.person import (
    PersonBanned,
    PersonConfigured,
    PersonDistrusted,
    PersonErased,
    PersonLabelled,
    PersonReturned,
    PersonTrusted,
    PersonUnbanned,
)
from rostra.site import SiteConfigured
from rostra.subscription import SubscriptionEnded, SubscriptionStarted
from rostra.vote import VoteCast, VoteEvent, VoteNullified, VoteRestored
from rostra_adapters.application.feed.names import Name

Data = dict[str, object]
WORDED = (
    CommentPosted,
    CommentEdited,
    CommentWordingHeld,
    CommentFlagged,
    VoteNullified,
    VoteRestored,
    PersonConfigured,
)
"""The events that are never published without words."""
FoundNames = Mapping[UUID, Name]

_InsideEvent = (
    DiscussionOpened
    | DiscussionClosed
    | DiscussionReopened
    | DiscussionMoved
    | CommentEvent
    | CommentFlagged
    | VoteEvent
    | ArticleRevised
    | PassageMarked
    | PassageClosed
    | PassageReopened
    | PassageUnmarked
)
"""Published events about a discussion or its contents."""


def required_names(stream: UUID, event: AnyEvent) -> list[UUID]:
    """Return the streams whose names `data_of` needs."""
    match event:
        case (
            SiteConfigured()
            | PersonTrusted()
            | PersonErased()
            | PersonReturned()
            | PersonConfigured()
            | PersonLabelled()
            | PersonBanned()
            | PersonUnbanned()
            | PersonDistrusted()
            | SubscriptionStarted()
            | SubscriptionEnded()
            | DiscussionAliased()
            | ArticleMarked()
            | PassageMoved()
            | PassageOrphaned()
        ):
            return []
        case (
            DiscussionOpened()
            | DiscussionClosed()
            | DiscussionReopened()
            | DiscussionMoved()
            | ArticleRevised()
        ):
            return [ids.discussion_of(stream)]
        case CommentPosted():
            around = (_asked(event), event.passage)
            named = [one for one in around if one is not None]
        case VoteCast() | VoteNullified() | VoteRestored() | CommentFlagged():
            named = [event.comment]
        case (
            CommentEdited()
            | CommentWordingHeld()
            | CommentWordingRejected()
            | CommentRemoved()
            | CommentRestored()
            | CommentApproved()
            | CommentRejected()
            | CommentHeld()
            | CommentPinned()
            | CommentUnpinned()
            | PassageMarked()
            | PassageClosed()
            | PassageReopened()
            | PassageUnmarked()
        ):
            named = [stream]
        case _:
            assert_never(event)
    return [ids.discussion_of(stream), *named]


def data_of(stream: UUID, event: AnyEvent, names: FoundNames) -> Data | None:
    """Return the data without words; None if the log does not name the event's discussion."""
    match event:
        case SiteConfigured():
            return {"site": event.site, "settings": event.settings}
        case DiscussionAliased() if event.opened:
            # Its id would be that of the other name, which publishing it again must find itself.
            return {"site": event.site, "resource": event.resource}
        case PersonLabelled():
            named = {"site": event.site, "person": event.person}
            return named | {"label": event.label, "by": event.by}
        case PersonBanned():
            terms = {"comments": event.comments, "votes": event.votes}
            until = {} if event.until is None else {"until": event.until}
            return {"site": event.site, "person": event.person, "by": event.by, **terms, **until}
        case PersonUnbanned():
            named = {"site": event.site, "person": event.person, "by": event.by}
            return named | {"restore": event.restore}
        case PersonDistrusted() if event.comment is None:
            return {"site": event.site, "person": event.person, "by": event.by}
        case PersonTrusted() if event.is_published:
            return {"site": event.site, "person": event.person, "by": event.by}
        case PersonErased() | PersonReturned() | PersonConfigured():
            return {"site": event.site, "person": event.person}
        case (
            PersonTrusted()
            | PersonDistrusted()
            | DiscussionAliased()
            | ArticleMarked()
            | PassageMoved()
            | PassageOrphaned()
            | SubscriptionStarted()
            | SubscriptionEnded()
        ):  # Rostra's own conclusions are not published, and subscriptions are private
            return None
    discussion = ids.discussion_of(stream)
    name = names.get(discussion)
    if name is None or not set(required_names(stream, event)) <= names.keys():
        return None
    data: Data = {"site": name.site, "resource": name.resource, "discussion_id": discussion}
    data |= _inside(stream, event, names)
    return {field: value for field, value in data.items() if value is not None}


def _inside(stream: UUID, event: _InsideEvent, names: FoundNames) -> Data:
    match event:
        case DiscussionOpened():
            return {
                "title": event.title,
                "url": web_url(event.url),
                "settings": event.settings,
            }
        case DiscussionClosed() | DiscussionReopened():
            return {"by": event.by}
        case DiscussionMoved():
            return {"to": event.to, "by": event.by}
        case CommentPosted():
            return _posted(stream, event, names)
        case VoteCast():
            return _comment(event.comment, names) | {"voter": event.voter, "value": event.value}
        case VoteNullified() | VoteRestored():
            return _comment(event.comment, names) | {"voter": event.voter, "by": event.by}
        case CommentFlagged():
            return _comment(event.comment, names) | {"by": event.by}
        case ArticleRevised():
            return {"revision": event.revision}
        case PassageMarked():
            return _marked(stream, event)
        case PassageClosed() | PassageReopened() | PassageUnmarked():
            return {"passage": names[stream].key, "passage_id": stream, "by": event.by}
        case CommentEdited():
            named = {"by": event.by, "status": event.status, "rule": event.rule}
            return _comment(stream, names) | named
        case CommentWordingHeld():
            return _comment(stream, names) | {"by": event.by, "status": "held", "rule": event.rule}
        case CommentApproved() | CommentRejected() | CommentWordingRejected():
            return _comment(stream, names) | {"by": event.by, "wording": event.wording}
        case CommentHeld():
            return _comment(stream, names) | {"by": event.by, "rule": event.rule}
        case CommentRemoved() | CommentRestored() | CommentPinned() | CommentUnpinned():
            return _comment(stream, names) | {"by": event.by}
        case _:
            assert_never(event)


def _comment(comment: UUID, names: FoundNames) -> Data:
    return {"comment": names[comment].key, "comment_id": comment}


def _asked(event: CommentPosted) -> UUID | None:
    """Return the parent that the publisher named, which leads to the same place again."""
    return event.asked or event.parent


def _posted(stream: UUID, event: CommentPosted, names: FoundNames) -> Data:
    asked = _asked(event)
    # A reply is on the passage of its thread. Naming that would ask again whether it is open.
    passage = event.passage if asked is None else None
    return {
        "comment": event.key,
        "comment_id": stream,
        "parent": names[asked].key if asked else None,
        "parent_id": asked,
        "passage": names[passage].key if passage else None,
        "passage_id": passage,
        "author": {"id": event.author},
        "status": event.status,
        "rule": event.rule,
        "mentions": event.mentions or None,
    }


def _marked(stream: UUID, event: PassageMarked) -> Data:
    return {
        "passage": event.key,
        "passage_id": stream,
        "exact": event.exact,
        "prefix": event.prefix,
        "suffix": event.suffix,
        "start": event.start,
        "end": event.end,
        "question": event.question,
        "revision": event.revision,
        "by": event.by,
    }


def with_text(data: Data, text: str | None) -> Data:
    """Return the data of a revision with its text; None means that the text was dropped."""
    return data | ({"text": None, "dropped": True} if text is None else {"text": text})


def with_words(event: AnyEvent, data: Data, words: Words | None) -> Data:
    """Return the data with its words; None means that they are erased."""
    match event:
        case CommentPosted() if words is not None:
            author = {"id": event.author, "name": words.name, "email": words.email}
            given = {field: value for field, value in author.items() if value is not None}
            return data | {"author": given, "body": words.body}
        case CommentEdited() | CommentWordingHeld() if words is not None:
            return data | {"body": words.body}
        case CommentPosted() | CommentEdited() | CommentWordingHeld():
            return data | {"body": None, "erased": True}
    if words is None:
        return data | {"erased": True}
    if isinstance(event, PersonConfigured):  # addresses and settings are private
        return data | ({} if words.name is None else {"name": words.name})
    return data | {"reason": words.reason}
