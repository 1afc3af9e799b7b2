"""Rostra: the event-sourced core of a discussion platform. Comments, replies and votes are
immutable events in one ordered log; what is read is folded from it.

Here is the domain: no database, no server, no clock. `rostra.deciding.handle.handle` takes
commands (`COMMANDS`, by event type) to any `EventLog`; `rostra.mapper` puts the events
into a stock `eventsourcing` application; `rostra_adapters.open` gives the whole.
"""

import warnings
from typing import Any

from rostra.codec import TYPES, AnyEvent
from rostra.commands import COMMANDS, Command
from rostra.deciding.handle import Commanded, Outcome
from rostra.events import CommandContext, Event, Words
from rostra.log import EventLog, Recorded
from rostra.refusals import Refusal
from rostra.sealing import Damaged, Erased, KeyRing
from rostra.settings import Settings, SiteSettings

__all__ = [
    "COMMANDS",
    "TYPES",
    "AnyEvent",
    "Command",
    "CommandContext",
    "Commanded",
    "Damaged",
    "Erased",
    "Event",
    "EventLog",
    "KeyRing",
    "Outcome",
    "Recorded",
    "Refusal",
    "Settings",
    "SiteSettings",
    "Words",
]


def __getattr__(name: str) -> Any:
    """Give a renamed class under its earlier name, for one release."""
    if name == "Act":
        warnings.warn("rostra.Act is now rostra.CommandContext", DeprecationWarning, stacklevel=2)
        return CommandContext
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
