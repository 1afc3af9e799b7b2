"""Rostra's adapters: PostgreSQL, stock recorders, HTTP, and the command line.

`async with rostra_adapters.open(url) as app` is all of it for an app of your own.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rostra_adapters.application.app import App
    from rostra_adapters.composition import open  # noqa: A004  # it opens a Rostra, as named

__all__ = ["App", "open"]


def __getattr__(name: str) -> Any:
    """Drivers are imported when they are asked for: `rostra --help` needs none."""
    if name in __all__:
        from rostra_adapters import composition as opening

        return getattr(opening, name)
    raise AttributeError(name)
