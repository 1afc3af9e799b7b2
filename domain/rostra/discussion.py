"""A discussion: the conversation about one resource of one site."""

import msgspec

from rostra.commands import (
    CloseDiscussion,
    InDiscussion,
    MoveDiscussion,
    OpenDiscussion,
    ReopenDiscussion,
)
from rostra.events import PERSONS, CommandContext, Event, Personal, because
from rostra.refusals import Refusal, id_collision, unknown
from rostra.settings import Settings, given_settings, merge
from rostra.times import LONG_AGO, Time

# -- events


class DiscussionOpened(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A discussion was opened, or opened again. A field that is None stays as it was."""

    topic = "discussion.opened"
    site: str
    resource: str
    title: str | None = None
    url: str | None = None
    settings: Settings | None = None


class DiscussionClosed(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """End of a discussion for new comments."""

    topic = "discussion.closed"
    by: str | None = None
    personal: Personal | None = None


class DiscussionReopened(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Reopening of a discussion for new comments."""

    topic = "discussion.reopened"
    by: str | None = None
    personal: Personal | None = None


class DiscussionMoved(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Additional resource of a discussion, `to`.

    `called` is the resource that the discussion is shown under. It differs from `to` if a later
    move is known.
    """

    topic = "discussion.moved"
    to: str
    called: str
    by: str | None = None
    personal: Personal | None = None


class DiscussionAliased(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Claim of a further name, in the stream that the name would make.

    From now on `resource` names the discussion of `of`, and can never name another.
    """

    topic = "discussion.aliased"
    site: str
    resource: str
    of: str
    opened: bool = False
    """True where another spelling of a URL was opened; False where the discussion moved."""


DiscussionEvent = (
    DiscussionOpened | DiscussionClosed | DiscussionReopened | DiscussionMoved | DiscussionAliased
)

# -- state


class Discussion(msgspec.Struct, frozen=True):
    """State of a discussion, or of an alias in its place."""

    site: str | None = None
    """None before the first event."""
    resource: str | None = None
    """None before the first event."""
    title: str | None = None
    url: str | None = None
    settings: Settings = Settings()
    open: bool = True
    turned: Time = LONG_AGO
    """Time of the latest closing or reopening."""
    called: str | None = None
    """Resource of the latest move."""
    moved: Time = LONG_AGO
    """Time of the latest move."""
    alias: str | None = None
    """The stream's own name, if it is an alias of another discussion."""
    alias_of: str | None = None
    """Resource of the discussion that the alias means."""


INITIAL = Discussion()


def evolve(discussion: Discussion, event: DiscussionEvent) -> Discussion:
    """Return the discussion after the event."""
    match event:
        case DiscussionOpened():
            return msgspec.structs.replace(
                discussion,
                site=event.site,
                resource=event.resource,
                title=discussion.title if event.title is None else event.title,
                url=discussion.url if event.url is None else event.url,
                settings=merge(discussion.settings, event.settings or Settings()),
            )
        case DiscussionClosed():
            return msgspec.structs.replace(discussion, open=False, turned=event.time)
        case DiscussionReopened():
            return msgspec.structs.replace(discussion, open=True, turned=event.time)
        case DiscussionMoved():
            moved = max(event.time, discussion.moved)
            return msgspec.structs.replace(discussion, called=event.called, moved=moved)
        case DiscussionAliased():
            return msgspec.structs.replace(discussion, alias=event.resource, alias_of=event.of)


# -- decisions


def check(discussion: Discussion, command: InDiscussion) -> None:
    """Raise unknown-discussion, or id-collision if the stream belongs to another discussion."""
    if discussion.resource is None:
        raise unknown("discussion", f"of {command.resource!r} on {command.site!r}")
    _check_name(discussion, command)


def _check_name(discussion: Discussion, command: InDiscussion) -> None:
    if (discussion.site, discussion.resource) != (command.site, command.resource):
        raise id_collision(command.resource, str(discussion.resource))


def open_(
    discussion: Discussion, command: OpenDiscussion, act: CommandContext
) -> list[DiscussionOpened]:
    """Open a discussion. Opening it again updates the given fields and does not reopen it.

    A person opens a resource's discussion without giving fields of it.
    """
    by_person = act.source == PERSONS
    opened = DiscussionOpened(
        time=act.time,
        site=command.site,
        resource=command.resource,
        title=None if by_person else command.title,
        url=None if by_person else command.url,
        settings=None if by_person else _settings(command),
    )
    if discussion.resource is not None:
        _check_name(discussion, command)
        if evolve(discussion, opened) == discussion:
            return []
    return [opened]


def _settings(command: OpenDiscussion) -> Settings | None:
    if command.settings is None:
        return None
    asked = merge(Settings(), command.settings)
    return asked if given_settings(asked) else None


def alias(
    discussion: Discussion, spelled: OpenDiscussion, act: CommandContext
) -> DiscussionAliased:
    """Give a discussion the name under which another spelling of its URL was opened."""
    return DiscussionAliased(
        time=act.time,
        site=spelled.site,
        resource=spelled.resource,
        of=str(discussion.resource),
        opened=True,
    )


def close(
    discussion: Discussion, command: CloseDiscussion, act: CommandContext
) -> list[DiscussionClosed]:
    """Close a discussion. The latest time wins. A closed discussion does not change."""
    check(discussion, command)
    if not discussion.open or act.time < discussion.turned:
        return []
    return [DiscussionClosed(time=act.time, by=command.by, personal=because(command.reason))]


def reopen(
    discussion: Discussion, command: ReopenDiscussion, act: CommandContext
) -> list[DiscussionReopened]:
    """Reopen a discussion. The latest time wins. An open discussion does not change."""
    check(discussion, command)
    if discussion.open or act.time < discussion.turned:
        return []
    return [DiscussionReopened(time=act.time, by=command.by, personal=because(command.reason))]


def own_name(named: Discussion, command: InDiscussion) -> str:
    """Return the resource that the discussion's id was computed from, also if an alias is given."""
    if named.alias is None or named.alias_of is None:
        return command.resource
    if named.alias != command.resource:
        raise id_collision(command.resource, named.alias)
    return named.alias_of


def move(
    discussion: Discussion, claimed: Discussion, command: MoveDiscussion, act: CommandContext
) -> tuple[list[DiscussionMoved], list[DiscussionAliased]]:
    """Return the events of a move: for the discussion's stream, and for that of a new alias.

    The alias has the stream that its name would give a discussion; `claimed` is its state. The
    latest move decides the name that is shown. Raises name-taken and moved-to-itself.
    """
    check(discussion, command)
    ours = command.to == discussion.resource or claimed.alias_of == discussion.resource
    if not ours and (claimed.resource is not None or claimed.alias_of is not None):
        raise Refusal("name-taken", f"{command.to!r} names another discussion")
    if claimed.alias not in (None, command.to):
        raise id_collision(command.to, str(claimed.alias))
    shown = discussion.called or str(discussion.resource)
    called = command.to if act.time >= discussion.moved else shown
    if ours and called == shown:
        if command.to == command.resource == shown:
            raise Refusal("moved-to-itself", f"{shown!r} cannot move to itself")
        return [], []
    moved = DiscussionMoved(
        time=act.time, to=command.to, called=called, by=command.by, personal=because(command.reason)
    )
    if ours:
        return [moved], []
    aliased = DiscussionAliased(
        time=act.time, site=command.site, resource=command.to, of=str(discussion.resource)
    )
    return [moved], [aliased]


def must_be_open(discussion: Discussion) -> None:
    """Raise discussion-closed if the discussion is closed."""
    if not discussion.open:
        raise Refusal("discussion-closed", f"the discussion of {discussion.resource!r} is closed")
