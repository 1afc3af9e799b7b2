"""Views of one's own, as a caller or ROSTRA_VIEWS names them."""

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from importlib import import_module
from typing import Any, Protocol, TypeVar

import msgspec

from rostra_adapters.errors import ViewRefused
from rostra_projections.own_views import faults, guard
from rostra_projections.tables import Table
from rostra_projections.views import View

VARIABLE = "ROSTRA_VIEWS"
ATTRIBUTE = "VIEWS"

R = TypeVar("R", bound=msgspec.Struct)


class OwnView(msgspec.Struct, frozen=True):
    """View of one's own, with a guarded fold."""

    view: View
    module: str | None
    """Module whose `VIEWS` has it; None if it was given as an object."""


class ViewSnapshot(Protocol):
    """Rows of a view at one position. Valid inside `App.read_view` only."""

    @property
    def position(self) -> int:
        """Position up to which the view has read."""

    def rows(self, table: Table[R], **equal: Any) -> AsyncIterator[R]:
        """Yield the rows of a table whose columns have these values, ordered by key."""

    async def fetch(self, sql: str, *args: Any) -> Sequence[Any]:
        """Return the records of a query, on PostgreSQL only.

        In `sql`, `{table}` is a table of the view and `$1` the first of `args`. The transaction is
        read-only.
        """


def own_views(given: Iterable[View | str] | None) -> list[OwnView]:
    """Return the given views, by default those of ROSTRA_VIEWS. Raises ViewRefused.

    A text names a module with a tuple `VIEWS`, or several by comma.
    """
    if given is None:
        given = [os.environ.get(VARIABLE, "")]
    found: list[OwnView] = []
    for one in given:
        if isinstance(one, View):
            found.append(_checked(one, None))
        else:
            names = filter(None, map(str.strip, one.split(",")))
            found += [_checked(view, name) for name in names for view in _of_module(name)]
    _check_together([own.view for own in found])
    return found


def no_such_view(name: str, names: Iterable[str]) -> ViewRefused:
    """Return the error for a name that no view of one's own has."""
    known = ", ".join(names) or "none"
    return ViewRefused(f"no view of your own is called {name!r}; there are: {known}")


def _of_module(name: str) -> Sequence[Any]:
    try:
        module = import_module(name)
    except Exception as error:
        hint = "install it, or add its folder to PYTHONPATH"
        reason = f"{type(error).__name__}: {error}"
        raise ViewRefused(
            f"the module {name!r} of views cannot be imported: {reason}; {hint}"
        ) from (error)
    views = getattr(module, ATTRIBUTE, None)
    if not isinstance(views, tuple | list) or not views:
        raise ViewRefused(f"the module {name!r} has no {ATTRIBUTE}: a tuple with a view or more")
    return views


def _checked(view: Any, module: str | None) -> OwnView:
    if not isinstance(view, View):
        raise ViewRefused(f"{view!r} of {module} is no rostra_projections.views.View")
    if found := list(faults(view)):
        raise ViewRefused(f"the view {view.name!r} is refused: {'; '.join(found)}")
    return OwnView(guard(view), module)


def _check_together(views: Sequence[View]) -> None:
    """Raise ViewRefused if two views have a name or a table in common."""
    owners: dict[str, str] = {}
    for number, view in enumerate(views):
        if view.name in {other.name for other in views[:number]}:
            raise ViewRefused(f"two views are called {view.name!r}: rename one")
        for table in view.tables:
            for fragment in table.fragments:
                if (owner := owners.setdefault(fragment.name, view.name)) != view.name:
                    raise ViewRefused(
                        f"the views {owner!r} and {view.name!r} both have a table {fragment.name}"
                    )
