"""Look-ups of discussions by their resources, of their sites and of the rules that hold there."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from rostra import ids
from rostra.resource_urls import canonical_resource
from rostra.settings import Rules, Settings, SiteSettings, rules
from rostra_adapters.application import read_position
from rostra_adapters.application.invalidation import InvalidatedCache
from rostra_adapters.application.ports import ViewStore
from rostra_adapters.application.stream_state_reader import StreamStateReader
from rostra_projections.discussions import settings_of

NO_SITE = ""
"""Name that no site can have."""
ACCESS_KEPT_MAX = 20_000


class Access(msgspec.Struct, frozen=True):
    """Site, resource and rules of a discussion."""

    site: str
    resource: str
    rules: Rules


class AccessLookup:
    """Looks up access in streams and views, and caches it until it may have changed."""

    def __init__(self, states: StreamStateReader, views: ViewStore) -> None:
        self._states = states
        self._views = views
        self._access: InvalidatedCache[Access] = InvalidatedCache(views.changes, ACCESS_KEPT_MAX)
        self._rules: InvalidatedCache[Rules] = InvalidatedCache(views.changes, ACCESS_KEPT_MAX)

    async def discussions_of(
        self, site: str, resources: Sequence[str]
    ) -> dict[str, ids.DiscussionId]:
        """Return the discussion of each resource, which may have moved there."""
        named = {resource: ids.discussion_id(site, resource) for resource in resources}
        # A discussion with access of its own is no alias. A private one is looked up all the same,
        # so that it takes as long as an unknown one.
        unknown = {
            resource: id_
            for resource, id_ in named.items()
            if (kept := self.cached_access(id_)) is None or kept.rules.private
        }
        if not unknown:
            return named
        self._note()
        states = await self._states.of(list(unknown.values()))
        for resource, state in zip(unknown, states, strict=True):
            if state.alias == resource and state.alias_of is not None:
                named[resource] = ids.discussion_id(site, state.alias_of)
        return named

    async def discussion_of(self, site: str, resource: str) -> ids.DiscussionId:
        """Return the id of a resource's discussion, whether there is one or not."""
        return (await self.discussions_of(site, [resource]))[resource]

    async def opened_discussion(self, site: str, resource: str) -> ids.DiscussionId:
        """Return the id of the discussion that opening a resource would open."""
        plain = canonical_resource(resource)
        named = await self.discussions_of(site, [resource, plain])
        if plain == resource or named[resource] != ids.discussion_id(site, resource):
            return named[resource]
        own, other = await self._states.of([named[resource], named[plain]])
        is_spelling = own.resource is None and other.resource is not None
        return named[plain] if is_spelling else named[resource]

    async def current_access(self, discussion: UUID, expected: str | None = None) -> Access | None:
        """Return the access to a discussion according to the log, None if it is unknown.

        A discussion that was opened a moment ago is found, too. If its site is the expected one,
        both are read at once. A private discussion and an unknown one take the same number of
        reads.
        """
        wanted = [discussion] if expected is None else [discussion, ids.site_id(expected)]
        self._note()
        state, *others = await self._states.of(wanted)
        if state.site is not None and state.resource is not None and state.site == expected:
            holds = rules(others[0].settings, state.settings)
            if not holds.private:
                return Access(state.site, state.resource, holds)
        settings = await self._site_settings(state.site or NO_SITE)
        if state.site is None or state.resource is None:
            return None
        return Access(state.site, state.resource, rules(settings, state.settings))

    async def current_site_rules(self, site_name: str) -> Rules:
        """Return the rules of a site according to the log, for acts: see `site_rules`."""
        self._note()
        return rules(await self._site_settings(site_name), Settings())

    async def site_rules(self, site_name: str) -> Rules:
        """Return the rules of a site's discussions that have no settings of their own."""
        begun = self._rules.begin(self._views.position)
        found = self._rules.find(site_name, self._views.position)
        if found is None:
            self._note()
            found = rules(await self._site_settings(site_name), Settings())
            self._rules.put(site_name, found, [site_prefix(site_name)], begun)
        return found

    async def access(self, discussion: UUID) -> Access | None:
        """Return the access to a discussion as the views have it, None where it is unknown."""
        kept = self.cached_access(discussion)
        return await self.read_access(discussion) if kept is None else kept

    async def rules_of(self, discussion: UUID) -> Rules:
        """Return the rules of a discussion as the views have it, the defaults if it is unknown."""
        access = await self.access(discussion)
        return Rules() if access is None else access.rules

    async def read_access(self, discussion: UUID) -> Access | None:
        """Read the access to a discussion from the views. An unknown one takes the same reads."""
        begun = self._access.begin(self._views.position)
        found = await self._views.reads.discussion(discussion)
        if found is None:
            await self._site_settings(NO_SITE)
            return None
        begun = msgspec.structs.replace(begun, position=found[0])
        row = found[1].row
        holds = rules(await self._site_settings(row.site), settings_of(row))
        access = Access(row.site, row.resource, holds)
        made_of = [ids.prefix_of(discussion), site_prefix(row.site)]
        self._access.put(discussion, access, made_of, begun)
        return access

    def cached_access(self, discussion: UUID) -> Access | None:
        """Return the cached access to a discussion if it is right at the views' position."""
        return self._access.find(discussion, self._views.position)

    def _note(self) -> None:
        """Record that the log, which is about to be read, is no older than the views."""
        read_position.note(max(self._views.position, self._views.changes.last_position))

    async def _site_settings(self, site_name: str) -> SiteSettings:
        (state,) = await self._states.of([ids.site_id(site_name)])
        settings: SiteSettings = state.settings
        return settings


def site_prefix(site: str) -> int:
    """Return the prefix of the ids of a site's settings and its persons."""
    return ids.prefix_of(ids.site_id(site))
