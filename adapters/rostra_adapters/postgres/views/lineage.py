"""Lineages: views that are kept together, at one position and by one projector."""

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from rostra_adapters.application.own_views import OwnView
from rostra_adapters.postgres import locks
from rostra_projections.views import VIEWS, View


class Lineage(msgspec.Struct, frozen=True):
    """Views of certain shapes, which have pointers, a projector and notifications of their own.

    So versions of the code run side by side, and a view of one's own stops no other view.
    """

    name: str
    views: Mapping[str, View]
    module: str | None = None
    """Module that has the views, for processes that fold; None for Rostra's own package."""
    is_own: bool = False
    """True for a view of one's own."""

    @property
    def lock(self) -> int:
        """Advisory lock of the process that projects these shapes."""
        return locks.projector_lock(self.name)

    @property
    def channel(self) -> str:
        """Channel of the notifications about these views."""
        return locks.views_channel(self.name)

    @property
    def can_fold_in_processes(self) -> bool:
        """True if another process can import the views."""
        return not self.is_own or self.module is not None


def lineage_of(shapes: Mapping[str, int]) -> str:
    """Return the name that views of these shapes go by together."""
    return _name(sorted(shapes.items()))


def _name(shapes: object) -> str:
    return sha256(msgspec.json.encode(shapes)).hexdigest()[:12]


OURS = Lineage(lineage_of({view.name: view.shape for view in VIEWS.values()}), VIEWS)
"""The views of Rostra, as this version of the code keeps them."""


def lineage_of_own(own: OwnView) -> Lineage:
    """Return the lineage of a view of one's own, another one for each shape and set of columns."""
    view = own.view
    tables = [
        (fragment.name, table.key, fragment.indexes, [(c, table.types[c]) for c in columns])
        for table in view.tables
        for fragment in table.fragments
        for columns in (table.columns_of(fragment),)
    ]
    name = _name((view.name, view.shape, tables))
    return Lineage(name, {view.name: view}, own.module, is_own=True)
