"""A site: a tenant and its settings. It exists from its first event."""

from uuid import UUID

import msgspec

from rostra.commands import ConfigureSite
from rostra.events import CommandContext, Event
from rostra.refusals import id_collision
from rostra.settings import SiteSettings, merge

# -- events


class SiteConfigured(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Settings of a site were changed. Those that are not named stay as they were."""

    topic = "site.configured"
    site: str
    settings: SiteSettings


SiteEvent = SiteConfigured

# -- state


class Site(msgspec.Struct, frozen=True):
    """`name` is None before the first event."""

    name: str | None = None
    settings: SiteSettings = SiteSettings()


INITIAL = Site()


def evolve(site: Site, event: SiteEvent) -> Site:
    """Return the site after the event."""
    return Site(event.site, merge(site.settings, event.settings))


# -- decisions


def check(site: Site, name: str) -> None:
    """Raise id-collision if the stream belongs to another site."""
    if site.name not in (None, name):
        raise id_collision(name, str(site.name))


def configure(site: Site, command: ConfigureSite, act: CommandContext) -> list[SiteConfigured]:
    """Replace the named settings. Returns nothing if that changes none."""
    if site.name is not None and merge(site.settings, command.settings) == site.settings:
        return []
    settings = merge(SiteSettings(), command.settings)
    return [SiteConfigured(time=act.time, site=command.site, settings=settings)]


def stream(command: ConfigureSite) -> UUID:
    """Return the stream that the command writes to."""
    return command.site_id
