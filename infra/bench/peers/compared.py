"""The views that the peers fill too. One more here needs its SQL in `bare_rebuild.sql`."""

from typing import Any

from rostra_projections.tables import Table
from rostra_projections.views import VIEWS, View

NAMES = ("discussions", "comments", "passages")


def views() -> list[View]:
    return [VIEWS[name] for name in NAMES]


def tables() -> list[Table[Any]]:
    return [table for view in views() for table in view.tables]
