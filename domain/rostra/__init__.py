"""Rostra: the event-sourced core of a discussion platform.

Comments, replies and votes are immutable events in one ordered log. Views are folds of that log.

This package is the domain: it has no database, no server and no clock. `rostra.deciding.handle`
appends the events of commands (`COMMANDS`, by event type) to an `EventLog`. `rostra.mapper` stores
events in a stock `eventsourcing` application. `rostra_adapters.open` opens the whole platform.
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
