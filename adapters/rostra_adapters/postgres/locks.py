"""Numbers of advisory locks and names of notification channels, with the things they protect.

Functions in `sql/` spell these numbers and names out: a test compares them with this module.
"""

from hashlib import sha256

LOG_WRITER = 5940093377497353327
"""Held until the end of each transaction that appends, by the trigger and `rostra_append_on`:
events become visible in the order of their positions."""
LOG_INSTALLER = 5940093377497353328
"""Held while the log's tables and functions are made or changed."""
VIEWS_INSTALLER = 5940093377497353329
"""Held while the tables of the views are made or changed."""
REBUILD = 5940093377497353331
"""Held by the connection of a rebuild: one at a time in a database."""
OUTBOX_CLAIM = 5940093377497353332
"""Held while a sender chooses the notices of its next mail: no two choose those of one mail."""
GUEST_VOTE_SEED = 5940093377497353331
"""Seed of the hash of a comment's id. The result is the number that is locked while a guest's vote
on the comment is reserved. Equal to REBUILD, but no lock number itself."""

EVENTS = "stored_events"
"""Channel of new events. The stock library listens on it too. The payload is the last position."""
ERASURES = "rostra_erasures"
"""Channel of destroyed keys, without a payload."""


def projector_lock(lineage: str) -> int:
    """Return the number held by the process that projects the views of `lineage`."""
    return int.from_bytes(sha256(f"rostra projector {lineage}".encode()).digest()[:8]) >> 1


def views_channel(lineage: str) -> str:
    """Return the channel on which the projector announces its progress, view by view."""
    return f"rostra_views_{lineage}"
