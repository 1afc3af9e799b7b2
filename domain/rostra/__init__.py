"""Rostra: the event-sourced core of a discussion platform.

Comments, replies and votes are immutable events in one ordered log. Views are folds of that log.

This package is the domain: it has no database, no server and no clock. `rostra.deciding.handle`
appends the events of commands (`COMMANDS`, by event type) to an `EventLog`. `rostra.mapper` stores
events in a stock `eventsourcing` application. `rostra_adapters.open` opens the whole platform.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rostra.codec import TYPES, AnyEvent
    from rostra.commands import COMMANDS, Command, Commanded
    from rostra.deciding.handle import Outcome
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


_MODULES = {
    "codec": ("TYPES", "AnyEvent"),
    "commands": ("COMMANDS", "Command", "Commanded"),
    "deciding.handle": ("Outcome",),
    "events": ("CommandContext", "Event", "Words"),
    "log": ("EventLog", "Recorded"),
    "refusals": ("Refusal",),
    "sealing": ("Damaged", "Erased", "KeyRing"),
    "settings": ("Settings", "SiteSettings"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
_RENAMED = {"Act": "CommandContext"}


def __getattr__(name: str) -> Any:
    """Import a name when it is first read: a process that only folds decides nothing.

    A renamed class has its earlier name, too, until 0.3.0.
    """
    if (now := _RENAMED.get(name)) is not None:
        warnings.warn(f"rostra.{name} is now rostra.{now}", DeprecationWarning, stacklevel=2)
        name = now
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
