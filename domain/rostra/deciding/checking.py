"""Checks of commands and events that were made in Python, as strict as those of JSON.

A struct that is made in Python may hold anything: only its decoder looks at types and limits.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar, get_args
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.article import ArticleEvent
from rostra.codec import AnyEvent
from rostra.commands import COMMANDS, Commanded
from rostra.comment import CommentEvent
from rostra.discussion import DiscussionEvent
from rostra.events import CommandContext
from rostra.flag import CommentFlagged
from rostra.passage import PassageEvent
from rostra.person import PersonEvent
from rostra.refusals import Fault, Malformed, Refusal
from rostra.site import SiteConfigured
from rostra.subscription import SubscriptionEvent
from rostra.times import Time, time_of
from rostra.vote import VoteEvent
from rostra.wire.cloudevents import fault_of, time_of_event

_COMMANDS = frozenset(COMMANDS.values())
_UNCONVERTED = (bytes, bytearray, memoryview, date, datetime, time, timedelta, Decimal, UUID)
"""Types that JSON would turn into text: text is asked for where text is meant."""

_EVENTS: Mapping[ids.Kind, tuple[type, ...]] = MappingProxyType(
    {
        ids.Kind.SITE: (SiteConfigured,),
        ids.Kind.PERSON: get_args(PersonEvent),
        ids.Kind.DISCUSSION: get_args(DiscussionEvent),
        ids.Kind.COMMENT: get_args(CommentEvent),
        ids.Kind.VOTE: get_args(VoteEvent),
        ids.Kind.SUBSCRIPTION: get_args(SubscriptionEvent),
        ids.Kind.PASSAGE: get_args(PassageEvent),
        ids.Kind.FLAG: (CommentFlagged,),
    }
)
_ARTICLE_EVENTS = get_args(ArticleEvent)

T = TypeVar("T")


def is_checked(commanded: object) -> bool:
    """Return whether a decoder made the command and its act, or `validate` checked them."""
    return isinstance(commanded, Commanded) and commanded.is_checked


def are_checked(commands: Collection[object]) -> bool:
    """Return whether `is_checked` holds for each of many commands."""
    for each in commands:  # noqa: SIM110  # `all` of a generator costs a call more for each
        if type(each) is not Commanded or not each.is_checked:
            return False
    return True


def validate(commanded: Commanded, now: Time | None = None) -> Commanded:
    """Return the command and its act as a decoder would have made them.

    A time with an offset is taken in any form. Raises Malformed, and the Refusal `time-ahead`
    for a time too far ahead of `now`.
    """
    if is_checked(commanded):
        return commanded
    if type(commanded) is not Commanded or type(commanded.command) not in _COMMANDS:
        raise Malformed(Fault("data", "is not a command"))
    command = _decoded(commanded.command, "data")
    if type(commanded.act) is not CommandContext:
        raise Malformed(Fault("", "is published by no act"))
    act = _decoded(commanded.act, "")
    act = msgspec.structs.replace(act, time=time_of_event(act.time, now))
    return Commanded(command, act, is_checked=True)


def checked_or_refusal(commanded: Commanded, now: Time | None = None) -> Commanded | Refusal:
    """Return the checked command, or why it is none."""
    try:
        return validate(commanded, now)
    except Refusal as refusal:
        return refusal


def checked_event(stream: UUID, event: AnyEvent) -> AnyEvent:
    """Return an event as it would be read from the log.

    Raises Malformed for an event that no view could fold: one for another kind of stream, or with
    values of other types.
    """
    if type(event) not in codec.TYPES.values():
        raise Malformed(Fault("", "is not an event"))
    kind = ids.kind_of(stream)
    fitting = _ARTICLE_EVENTS if ids.is_article(stream) else _EVENTS.get(kind, ())
    if type(event) not in fitting:
        raise Malformed(Fault("", f"of the type {event.topic} is not of a {kind.name.lower()}"))
    if not isinstance(event.time, str | datetime):
        raise Malformed(Fault("time", "is not a time"))
    try:
        event = msgspec.structs.replace(event, time=time_of(event.time))
    except ValueError as error:
        raise Malformed(Fault("time", str(error))) from None
    found = _decoded(event, "")
    state = codec.encode(found)
    if codec.has_nul(state):
        raise Malformed(Fault("", "holds a text with NUL"))
    try:
        codec.decode(event.topic, state)
    except msgspec.DecodeError as error:  # JSON has no NaN
        raise Malformed(Fault("", f"cannot be read again: {error}")) from None
    return found


def _decoded(value: T, at: str) -> T:
    """Return a struct as its decoder would make it. Raises Malformed."""
    try:
        plain: Any = msgspec.to_builtins(value, builtin_types=_UNCONVERTED)
        msgspec.json.encode(plain)  # raises for half a surrogate pair, which no text may hold
        return msgspec.convert(plain, type(value), builtin_types=_UNCONVERTED)
    except msgspec.ValidationError as error:
        raise Malformed(fault_of(error, at)) from None
    except (AttributeError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise Malformed(Fault(at, f"cannot be written as JSON: {error}")) from None
