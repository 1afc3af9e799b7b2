"""Discussions that resources name, their sites and the rules that hold for them."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from rostra import ids
from rostra.log import EventLog
from rostra.settings import Rules, Settings, SiteSettings, rules
from rostra_adapters.application import read_position
from rostra_adapters.application.invalidation import InvalidatedCache
from rostra_adapters.application.ports import ViewStore
from rostra_adapters.application.stream_state_reader import StreamStateReader
from rostra_projections.discussions import settings_of

NO_SITE = ""
"""Name of a site that there cannot be."""
ACCESS_KEPT_MAX = 20_000


class Access(msgspec.Struct, frozen=True):
    """Whose a discussion is, and what holds for it."""

    site: str
    resource: str
    rules: Rules


class AccessLookup:
    """Over a log and its views; what is looked up is kept until it may have changed."""

    def __init__(self, log: EventLog, views: ViewStore) -> None:
        self.log = log
        self.views = views
        self._standings = StreamStateReader(log)
        self._access: InvalidatedCache[Access] = InvalidatedCache(views.changes, ACCESS_KEPT_MAX)
        self._rules: InvalidatedCache[Rules] = InvalidatedCache(views.changes, ACCESS_KEPT_MAX)

    async def named(self, site: str, resources: Sequence[str]) -> dict[str, ids.DiscussionId]:
        """The discussion that each resource names, which may have moved there."""
        named = {resource: ids.discussion_id(site, resource) for resource in resources}
        # What has comments of its own is no alias. What is private is looked up all the same, so
        # that it takes as long as what is unknown.
        unknown = {
            resource: id_
            for resource, id_ in named.items()
            if (kept := self.cached_access(id_)) is None or kept.rules.private
        }
        if not unknown:
            return named
        self._note()
        states = await self._standings.of(list(unknown.values()))
        for resource, state in zip(unknown, states, strict=True):
            if state.alias == resource and state.alias_of is not None:
                named[resource] = ids.discussion_id(site, state.alias_of)
        return named

    async def discussion_named(self, site: str, resource: str) -> ids.DiscussionId:
        """The discussion that a resource names, whether there is one or not."""
        return (await self.named(site, [resource]))[resource]

    async def standing(self, discussion: UUID, expected: str | None = None) -> Access | None:
        """Whose a discussion is and what holds for it, as the log has it: what was opened a
        moment ago is there, too. None where it is unknown. Where the site is the expected one
        it is read at once, unless the discussion is private: that is read as often as what is
        unknown."""
        wanted = [discussion] if expected is None else [discussion, ids.site_id(expected)]
        self._note()
        state, *others = await self._standings.of(wanted)
        if state.site is not None and state.resource is not None and state.site == expected:
            holds = rules(others[0].settings, state.settings)
            if not holds.private:
                return Access(state.site, state.resource, holds)
        settings = await self._site_settings(state.site or NO_SITE)
        if state.site is None or state.resource is None:
            return None
        return Access(state.site, state.resource, rules(settings, state.settings))

    async def site_rules(self, site_name: str) -> Rules:
        """Return the rules of a site's discussions where they set nothing themselves."""
        begun = self._rules.begin(self.views.position)
        found = self._rules.find(site_name, self.views.position)
        if found is None:
            self._note()
            found = rules(await self._site_settings(site_name), Settings())
            self._rules.keep(site_name, found, [site_prefix(site_name)], begun)
        return found

    async def access(self, discussion: UUID) -> Access | None:
        """Whose a discussion is and what holds for it, None where it is unknown."""
        kept = self.cached_access(discussion)
        return await self.read_access(discussion) if kept is None else kept

    async def read_access(self, discussion: UUID) -> Access | None:
        """Read the access to a discussion from the views. What is unknown takes the same
        reads."""
        begun = self._access.begin(self.views.position)
        found = await self.views.reads.discussion(discussion)
        if found is None:
            await self._site_settings(NO_SITE)
            return None
        begun = msgspec.structs.replace(begun, position=found[0])
        row = found[1].row
        holds = rules(await self._site_settings(row.site), settings_of(row))
        access = Access(row.site, row.resource, holds)
        made_of = [ids.prefix_of(discussion), site_prefix(row.site)]
        self._access.keep(discussion, access, made_of, begun)
        return access

    def cached_access(self, discussion: UUID) -> Access | None:
        """Return the cached access to a discussion if it is right where the views are known to
        be."""
        return self._access.find(discussion, self.views.position)

    def _note(self) -> None:
        """Note that the log, which is about to be read, is no older than the views."""
        read_position.note(max(self.views.position, self.views.changes.heard))

    async def _site_settings(self, site_name: str) -> SiteSettings:
        (state,) = await self._standings.of([ids.site_id(site_name)])
        settings: SiteSettings = state.settings
        return settings


def site_prefix(site: str) -> int:
    """Return the prefix of the ids of a site's settings and its persons."""
    return ids.prefix_of(ids.site_id(site))
