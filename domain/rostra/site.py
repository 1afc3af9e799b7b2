"""A site: a tenant and its settings. It exists from its first event."""

from collections.abc import Sequence

import msgspec

from rostra.commands import ConfigureSite
from rostra.content_rules import check_rule
from rostra.events import CommandContext, Event
from rostra.limits import RULE_WORDS_MAX
from rostra.refusals import Refusal, id_collision
from rostra.settings import ContentRule, SiteSettings, merge, shared_rules

# -- events


class SiteConfigured(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Settings of a site were changed. Those that are not named stay as they were."""

    topic = "site.configured"
    site: str
    settings: SiteSettings


SiteEvent = SiteConfigured

# -- state


class Site(msgspec.Struct, frozen=True):
    """State of a site. `name` is None before the first event."""

    name: str | None = None
    settings: SiteSettings = SiteSettings()


INITIAL = Site()


def evolve(site: Site, event: SiteEvent) -> Site:
    """Return the site after the event."""
    settings = merge(site.settings, event.settings)
    if settings.rules:
        settings = msgspec.structs.replace(settings, rules=shared_rules(settings.rules))
    return Site(event.site, settings)


# -- decisions


def check(site: Site, name: str) -> None:
    """Raise id-collision if the stream belongs to another site."""
    if site.name not in (None, name):
        raise id_collision(name, str(site.name))


def configure(site: Site, command: ConfigureSite, act: CommandContext) -> list[SiteConfigured]:
    """Replace the named settings. Returns nothing if that changes none.

    Raises invalid-rule.
    """
    settings = merge(SiteSettings(), command.settings)
    if site.name is not None and merge(site.settings, settings) == site.settings:
        return []
    _check_rules(settings.rules or ())
    return [SiteConfigured(time=act.time, site=command.site, settings=settings)]


def _check_rules(rules: Sequence[ContentRule]) -> None:
    """Raise invalid-rule for a rule that cannot be followed, or that would take too long."""
    words = 0
    for number, rule in enumerate(rules, start=1):
        words += len(rule.when.words)
        try:
            check_rule(rule)
        except ValueError as error:
            raise Refusal("invalid-rule", f"rule {number}: {error}") from None
    if words > RULE_WORDS_MAX:
        detail = f"the rules have {words} words, and {RULE_WORDS_MAX} are the most"
        raise Refusal("invalid-rule", detail)
