"""The HTTP interface: events in, views out."""

from rostra_adapters.http.application import make_app
from rostra_adapters.http.settings import HttpSettings

__all__ = ["HttpSettings", "make_app"]
