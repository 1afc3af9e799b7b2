"""Table of the discussions' sites, which views have a copy of for the events that lack them."""

from uuid import UUID

import msgspec

from rostra_projections.tables import Table


class SiteRow(msgspec.Struct):
    """Site of a discussion."""

    id: UUID
    site: str


def site_table(name: str) -> Table[SiteRow]:
    """Return a table of sites by discussion."""
    return Table(name, SiteRow, key=("id",), types={"id": "uuid", "site": "text"})
