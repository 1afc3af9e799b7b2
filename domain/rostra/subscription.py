"""Subscription of one person to new comments in one discussion."""

import msgspec

from rostra.commands import EndSubscription, OnSubscription, StartSubscription, SubscriptionTo
from rostra.events import CommandContext, Event
from rostra.limits import SUBSCRIPTION_CHANGES_MAX
from rostra.refusals import Refusal, id_collision
from rostra.times import LONG_AGO, Time

# -- events


class SubscriptionStarted(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Start or change of a subscription: to every comment, or to replies to the person's own."""

    topic = "subscription.started"
    person: str
    to: SubscriptionTo
    erasures: int = 0
    """Number of the person's erasures so far."""


class SubscriptionEnded(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """End of a subscription."""

    topic = "subscription.ended"
    person: str
    erasures: int = 0
    """Number of the person's erasures so far."""


SubscriptionEvent = SubscriptionStarted | SubscriptionEnded

# -- state


class Subscription(msgspec.Struct, frozen=True):
    """State of a subscription. `person` is None before the first event."""

    person: str | None = None
    # None: nothing is subscribed to.
    to: SubscriptionTo | None = None
    changed_at: Time = LONG_AGO
    changes: int = 0
    erasures: int = 0
    """Number of the person's erasures before the last event."""

    def after(self, erasures: int) -> "Subscription":
        """Return the subscription of a person who was erased so often: an erasure ends it."""
        if erasures == self.erasures:
            return self
        return msgspec.structs.replace(self, person=None, to=None, erasures=erasures)


INITIAL = Subscription()


def evolve(subscription: Subscription, event: SubscriptionEvent) -> Subscription:
    """Return the subscription after the event."""
    to = event.to if isinstance(event, SubscriptionStarted) else None
    return Subscription(event.person, to, event.time, subscription.changes + 1, event.erasures)


# -- decisions


def start(
    subscription: Subscription, command: StartSubscription, act: CommandContext
) -> list[SubscriptionStarted]:
    """Subscribe. An older act than the latest changes nothing. Raises too-many-changes."""
    _check(subscription, command)
    if act.time < subscription.changed_at or subscription.to == command.to:
        return []
    if subscription.changes >= SUBSCRIPTION_CHANGES_MAX:
        detail = f"the subscription has changed {SUBSCRIPTION_CHANGES_MAX} times"
        raise Refusal("too-many-changes", detail)
    return [
        SubscriptionStarted(
            time=act.time, person=command.who, to=command.to, erasures=subscription.erasures
        )
    ]


def end(
    subscription: Subscription, command: EndSubscription, act: CommandContext
) -> list[SubscriptionEnded]:
    """Unsubscribe, however often the subscription has changed.

    Without a subscription too: the person is then not mailed of replies there.
    """
    _check(subscription, command)
    is_off = subscription.person is not None and subscription.to is None
    if act.time < subscription.changed_at or is_off:
        return []
    return [SubscriptionEnded(time=act.time, person=command.who, erasures=subscription.erasures)]


def _check(subscription: Subscription, command: OnSubscription) -> None:
    """Raise id-collision if the stream belongs to another person."""
    if subscription.person is not None and subscription.person != command.who:
        raise id_collision(command.who, subscription.person)
