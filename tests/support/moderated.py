"""An App with moderators who ban and restore, and all that readers and persons see of it."""

from typing import Any

from rostra import ids
from rostra.deciding.handle import Outcome
from rostra.deciding.stream_states import fold_stream
from rostra.log import POSITION_MAX
from rostra.person import Person
from rostra_adapters.application.app import App
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from rostra_adapters.application.queries.inbox import Inboxes
from rostra_adapters.application.stream_state_reader import events_of

SITE = "gazette"
PLACE = {"site": SITE, "resource": "/trams"}
BOB = ids.person_id(SITE, "bob")
PERSONS = ("ann", "bob", "cy", "dan", "eve", "mia")


class Moderated:
    """An App with its follower, and events that have unlike ids and times."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.follower = ModerationFollower(app)
        self.number = 0

    def event(self, kind: str, **data: Any) -> dict[str, Any]:
        self.number += 1
        named = {"site": SITE} if kind.startswith(("person.", "site.")) else PLACE
        return {
            "specversion": "1.0",
            "source": "urn:cms",
            "id": f"e{self.number}",
            "type": kind,
            "data": {**named, **data},
        }

    def comment(self, key: str, author: str = "bob", **data: Any) -> dict[str, Any]:
        who = {"id": author, "name": author.title()}
        return self.event("comment.posted", comment=key, author=who, body=key, **data)

    def vote(self, key: str, voter: str = "bob", value: int = 1) -> dict[str, Any]:
        return self.event("vote.cast", comment=key, voter=voter, value=value)

    def ban(self, **data: Any) -> dict[str, Any]:
        return self.event("person.banned", person="bob", by="mia", **data)

    def unban(self, **data: Any) -> dict[str, Any]:
        return self.event("person.unbanned", person="bob", by="mia", **data)

    async def do(self, *events: dict[str, Any]) -> list[Outcome]:
        outcomes = await self.app.publish(events)
        assert [each.status for each in outcomes] == ["recorded"] * len(events), outcomes
        return outcomes

    async def settle(self) -> None:
        """Let the follower handle everything, and the views read what it made."""
        await self.follower.catch_up()
        await self.app.wait(await self.app.head(), 60)

    async def shown(self) -> list[tuple[str, str, int]]:
        """Return key, status and score of each comment, in order of the site's latest."""
        await self.app.wait(await self.app.head(), 60)
        _, queued = await self.app.views.reads.queue(
            SITE, "recent", limit=1_000, after=POSITION_MAX
        )
        return [(str(one.row.key), one.row.status, one.row.score) for one in queued]

    async def everything(self) -> tuple[object, ...]:
        """Return what readers see: the list, its orders and the counts."""
        await self.app.wait(await self.app.head(), 60)
        seen: list[object] = [await self.shown()]
        for order in ("newest", "most_voted", "best", "controversial"):
            page = await self.app.comments(SITE, "/trams", order=order, flat=True, limit=100)
            assert page is not None
            seen.append([(str(one.id), one.status, one.up, one.down) for one in page.comments])
            seen.append(page.total)
        seen.append((await self.app.counts(SITE, ["/trams"])).counts)
        return tuple(seen)

    async def inboxes(self) -> dict[str, list[tuple[object, ...]]]:
        """Return the items of each person, but for those that tell of moderators' decisions.

        Each such item tells of an act, which happened although it was taken back.
        """
        await self.app.wait(await self.app.head(), 60)
        found: dict[str, list[tuple[object, ...]]] = {}
        for person in PERSONS:
            page = await Inboxes(self.app).page(
                SITE, person, limit=1_000, cursor=None, unread_only=False
            )
            told = [item for item in page.items if item.reason == "moderation"]
            found[person] = [
                (item.position, item.reason, item.comment, item.read)
                for item in page.items
                if item.reason != "moderation"
            ]
            unread = page.unread - sum(not item.read for item in told)
            assert unread == sum(not read for *_, read in found[person])
        return found

    async def trust(self) -> dict[str, bool]:
        """Return the trust of each person by the log, which the view shows, too."""
        await self.app.wait(await self.app.head(), 60)
        streams = {name: ids.person_id(SITE, name) for name in PERSONS}
        rows = await self.app.log.read_streams(list(streams.values()))
        shown = await self.app.views.reads.persons(list(streams.values()))
        found = {}
        for name, stream in streams.items():
            state: Person = fold_stream(stream, events_of(rows[stream]))
            found[name] = state.trusted
            assert (stream in shown and shown[stream].trusted) == state.trusted
        return found

    async def state(self) -> tuple[object, ...]:
        """Return all that acts and their inverses leave as it was."""
        return await self.everything(), await self.inboxes(), await self.trust()


async def filled(moderated: Moderated) -> None:
    """Publish comments of two persons with votes."""
    await moderated.do(
        moderated.event("discussion.opened"),
        *(moderated.comment(f"b{number}") for number in range(5)),
        *(moderated.comment(f"a{number}", "ann") for number in range(3)),
        *(moderated.vote(f"a{number}", value=1 - 2 * (number % 2)) for number in range(3)),
        moderated.vote("b0", "ann"),
        moderated.vote("a0", "cy"),
    )
