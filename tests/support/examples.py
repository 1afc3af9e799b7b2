"""Example data: a newspaper's discussion, its persons, and what may happen in it.

Functions named after what happened give an event with its stream; `command`
gives what is asked for.
"""

from typing import Any
from uuid import UUID

import msgspec

from rostra import ids
from rostra.codec import AnyEvent
from rostra.commands import COMMANDS, AnyCommand
from rostra.comment import CommentPosted, Moderated
from rostra.discussion import DiscussionClosed, DiscussionOpened
from rostra.events import CommandContext, Words
from rostra.passage import PassageMarked
from rostra.person import PersonTrusted
from rostra.settings import Settings, SiteSettings
from rostra.site import SiteConfigured
from rostra.times import Time
from rostra.vote import Value, VoteCast

SITE = "gazette"
RESOURCE = "/trams"
SOURCE = "urn:cms"
DISCUSSION = ids.discussion_id(SITE, RESOURCE)
PLACE = {"site": SITE, "resource": RESOURCE}

Happened = tuple[UUID, AnyEvent]


def at(minute: int) -> Time:
    """A moment of the morning."""
    return Time(f"2026-11-22T{8 + minute // 60:02}:{minute % 60:02}:00.000000Z")


def act(minute: int = 30, *, name: str = "e1", source: str = SOURCE) -> CommandContext:
    return CommandContext(source, name, at(minute))


def command(topic: str, **data: Any) -> AnyCommand:
    """Of an event type, about our discussion unless `data` says otherwise."""
    place = {"site": SITE} if topic == "site.configured" else PLACE
    return msgspec.convert({**place, **data}, COMMANDS[topic])


def post(key: str = "c1", *, author: str = "ann", body: str = "Yes.", **data: Any) -> AnyCommand:
    who = {"id": author, "name": author.title()}
    return command("comment.posted", comment=key, author=who, body=body, **data)


def vote(value: int, *, on: str = "c1", voter: str = "bob") -> AnyCommand:
    return command("vote.cast", comment=on, voter=voter, value=value)


def comment(key: str) -> ids.CommentId:
    return ids.comment_id(DISCUSSION, key)


def passage(key: str) -> ids.PassageId:
    return ids.passage_id(DISCUSSION, key)


def vote_on(key: str = "c1", voter: str = "bob") -> ids.VoteId:
    return ids.vote_id(comment(key), voter)


def person(name: str) -> ids.PersonStreamId:
    return ids.person_id(SITE, name)


# -- what happened


def configured(**settings: Any) -> Happened:
    named = SiteSettings(**settings)
    return ids.site_id(SITE), SiteConfigured(time=at(0), site=SITE, settings=named)


def opened(minute: int = 0, **settings: Any) -> Happened:
    named = Settings(**settings) if settings else None
    event = DiscussionOpened(time=at(minute), site=SITE, resource=RESOURCE, settings=named)
    return DISCUSSION, event


def closed(minute: int = 20) -> Happened:
    return DISCUSSION, DiscussionClosed(time=at(minute))


def trusted(name: str) -> Happened:
    return person(name), PersonTrusted(time=at(5), site=SITE, person=name)


def marked(key: str = "p1", *, minute: int = 1, question: str | None = None) -> Happened:
    event = PassageMarked(time=at(minute), key=key, exact="a stretch", question=question)
    return passage(key), event


def posted(
    key: str = "c1",
    *below: str,
    author: str = "ann",
    status: Moderated = "published",
    minute: int = 10,
    on: str | None = None,
    asked: str | None = None,
    body: str = "Yes.",
) -> Happened:
    """A comment; `below` names its ancestors, the top one first."""
    path = tuple(comment(ancestor) for ancestor in below)
    event = CommentPosted(
        time=at(minute),
        author=author,
        status=status,
        key=key,
        parent=path[-1] if path else None,
        asked=comment(asked) if asked else None,
        depth=len(path),
        path=path,
        passage=passage(on) if on else None,
        personal=Words(name=author.title(), body=body),
    )
    return comment(key), event


def cast(
    value: Value,
    *,
    was: Value = 0,
    now: Value | None = None,
    minute: int = 20,
    name: str = "v1",
    source: str = SOURCE,
) -> Happened:
    """Bob's vote on c1."""
    event = VoteCast(
        time=at(minute),
        source=source,
        id=name,
        comment=comment("c1"),
        voter="bob",
        value=value,
        was=was,
        now=value if now is None else now,
    )
    return vote_on(), event
