"""A discussion: the conversation about one resource of one site."""

import msgspec

from rostra.commands import CloseDiscussion, InDiscussion, OpenDiscussion, ReopenDiscussion
from rostra.events import Act, Event, Personal, because
from rostra.refusals import Refusal, id_collision, unknown
from rostra.settings import Settings, merge, named
from rostra.times import LONG_AGO, Time

# -- events


class DiscussionOpened(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Opened, or opened again: then what is None stands as it was."""

    topic = "discussion.opened"
    site: str
    resource: str
    title: str | None = None
    url: str | None = None
    settings: Settings | None = None


class DiscussionClosed(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """No more comments come in."""

    topic = "discussion.closed"
    by: str | None = None
    personal: Personal | None = None


class DiscussionReopened(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Comments come in again."""

    topic = "discussion.reopened"
    by: str | None = None
    personal: Personal | None = None


DiscussionEvent = DiscussionOpened | DiscussionClosed | DiscussionReopened

# -- state


class Discussion(msgspec.Struct, frozen=True):
    """`site` and `resource` are None before the first event. `turned` is the time
    of the closing or reopening that stands."""

    site: str | None = None
    resource: str | None = None
    title: str | None = None
    url: str | None = None
    settings: Settings = Settings()
    open: bool = True
    turned: Time = LONG_AGO


INITIAL = Discussion()


def evolve(discussion: Discussion, event: DiscussionEvent) -> Discussion:
    """The discussion after the event."""
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


# -- decisions


def check(discussion: Discussion, command: InDiscussion) -> None:
    """Raises unknown-discussion, or id-collision where the stream is another's."""
    if discussion.resource is None:
        raise unknown("discussion", f"of {command.resource!r} on {command.site!r}")
    _check_name(discussion, command)


def _check_name(discussion: Discussion, command: InDiscussion) -> None:
    if (discussion.site, discussion.resource) != (command.site, command.resource):
        raise id_collision(command.resource, str(discussion.resource))


def open_(discussion: Discussion, command: OpenDiscussion, act: Act) -> list[DiscussionOpened]:
    """Opening again updates what is named, and does not reopen."""
    opened = DiscussionOpened(
        time=act.time,
        site=command.site,
        resource=command.resource,
        title=command.title,
        url=command.url,
        settings=_settings(command),
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
    return asked if named(asked) else None


def close(discussion: Discussion, command: CloseDiscussion, act: Act) -> list[DiscussionClosed]:
    """The latest time wins; closing what is closed changes nothing."""
    check(discussion, command)
    if not discussion.open or act.time < discussion.turned:
        return []
    return [DiscussionClosed(time=act.time, by=command.by, personal=because(command.reason))]


def reopen(discussion: Discussion, command: ReopenDiscussion, act: Act) -> list[DiscussionReopened]:
    """The latest time wins; reopening what is open changes nothing."""
    check(discussion, command)
    if discussion.open or act.time < discussion.turned:
        return []
    return [DiscussionReopened(time=act.time, by=command.by, personal=because(command.reason))]


def must_be_open(discussion: Discussion) -> None:
    """Raises discussion-closed."""
    if not discussion.open:
        raise Refusal("discussion-closed", f"the discussion of {discussion.resource!r} is closed")
