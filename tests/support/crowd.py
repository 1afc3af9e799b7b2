"""A crowd of publishers: what each sends is drawn from a seed, what is answered is kept."""

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import aiohttp

from rostra.times import Time, later
from support.waiting import LOOK_SECONDS, WAIT_SECONDS_MAX

Event = dict[str, Any]

SITE = "gazette"
SOURCE = "urn:crowd"
BEGAN = Time("2025-03-01T12:00:00.000000Z")
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
BATCH_EVENTS_MAX = 20
LATE_SECONDS_MAX = 5
BUSY_ROUNDS_MAX = 20

# discussion: its settings
DISCUSSIONS: dict[str, dict[str, Any]] = {
    "/trams": {},
    "/bins": {"self_votes": False},
    "/parks": {"moderation": "first", "self_votes": True},
}
FIRST_COMMENTS = 6
VOTERS = 15
AUTHORS = 8

# type: how often of a hundred
MIXTURE = {
    "vote.cast": 53,
    "comment.posted": 15,
    "comment.removed": 5,
    "comment.restored": 7,
    "comment.edited": 3,
    "comment.approved": 3,
    "discussion.closed": 2,
    "discussion.reopened": 5,
    "vote.nullified": 2,
    "vote.restored": 2,
    "passage.marked": 1,
    "passage.closed": 1,
    "passage.reopened": 1,
}


class Answered(NamedTuple):
    """An event, what was answered, and between which heads of the log that was decided."""

    event: Event
    result: dict[str, Any]
    head_before: int
    head_after: int | None

    @property
    def status(self) -> str:
        return str(self.result["status"])

    @property
    def problem(self) -> str:
        return str(self.result["problem"]["type"]).removeprefix("/problems/")


class Crowd:
    """Publishers with a seed each, on several services."""

    def __init__(self, urls: Sequence[str], token: str, *, seed: int) -> None:
        self._urls = urls
        self._token = token
        self._seed = seed
        self._names = 0
        self._head = 0  # the last that anyone here was told of
        self._sent: list[list[Event]] = []
        self._comments = {
            resource: [f"c{n}" for n in range(FIRST_COMMENTS)] for resource in DISCUSSIONS
        }
        self.answered: list[Answered] = []

    async def publish(self, *, publishers: int, requests: int) -> None:
        """Open the discussions, then all at once."""
        headers = {"Authorization": f"Bearer {self._token}"}
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
            await self._send(session, self._urls[0], self._beginning())
            assert all(it.status == "recorded" for it in self.answered), self.answered
            async with asyncio.TaskGroup() as tasks:
                for number in range(publishers):
                    draw = random.Random(f"{self._seed} {number}")
                    tasks.create_task(self._one(session, draw, requests))

    def _beginning(self) -> list[Event]:
        events = [self._event("site.configured", None, settings={"depth": 3})]
        for resource, settings in DISCUSSIONS.items():
            events.append(self._event("discussion.opened", resource, settings=settings))
            events.append(self._event("passage.marked", resource, passage="p0", exact="so it is"))
            for key in self._comments[resource]:
                author = {"id": "a0", "name": "A0"}
                events.append(self._posted(resource, key, author, parent=None))
        return events

    async def _one(
        self, session: aiohttp.ClientSession, draw: random.Random, requests: int
    ) -> None:
        for _ in range(requests):
            if self._sent and draw.random() < 0.15:  # another's, at another service perhaps
                events = draw.choice(self._sent)
            else:
                size = draw.choice((1, 1, draw.randint(2, BATCH_EVENTS_MAX)))
                events = [self._drawn(draw) for _ in range(size)]
                self._sent.append(events)
            await self._send(session, draw.choice(self._urls), events)

    async def _send(
        self, session: aiohttp.ClientSession, url: str, events: Sequence[Event]
    ) -> None:
        """One event alone, several as a batch; those that met others too often once more."""
        for _ in range(BUSY_ROUNDS_MAX):
            before = self._head
            results = await _post(session, f"{url}/v1/events", events)
            head = await _head(session, url) if len(events) > 1 else None
            known = [result["position"] for result in results if "position" in result]
            self._head = max([self._head, head or 0, *known])
            pairs = list(zip(events, results, strict=True))
            self.answered += [
                Answered(event, result, before, head)
                for event, result in pairs
                if not _is_busy(result)
            ]
            events = [event for event, result in pairs if _is_busy(result)]
            if not events:
                return
        raise AssertionError("conflicting writes; retry")

    # -- what is drawn

    def _drawn(self, draw: random.Random) -> Event:
        kind = draw.choices(list(MIXTURE), list(MIXTURE.values()))[0]
        resource = draw.choice(list(DISCUSSIONS))
        comments = self._comments[resource]
        key = draw.choice(comments[: FIRST_COMMENTS * 2])  # so that many meet at the same ones
        author = f"a{draw.randrange(AUTHORS)}"
        voter = draw.choice((author, *(f"v{number}" for number in range(VOTERS))))
        late = draw.choice((0, 0, draw.randrange(LATE_SECONDS_MAX)))
        moderated = {"by": "mo", "reason": "so be it"}
        about: dict[str, Any]
        match kind:
            case "vote.cast":
                about = {"comment": key, "voter": voter, "value": draw.choice((1, 1, -1, 0))}
            case "comment.posted":
                parent = draw.choice((None, key, draw.choice(comments)))
                new = f"c{self._names}-new"
                comments.append(new)
                event = self._posted(resource, new, {"id": author, "name": author}, parent=parent)
                if parent is None and draw.random() < 0.3:
                    event["data"]["passage"] = "p0"
                return event
            case "comment.edited":
                about = {"comment": key, "body": f"edited {self._names}"}
            case "vote.nullified" | "vote.restored":
                about = {"comment": key, "voter": voter, **moderated}
            case "passage.marked":
                about = {"passage": "p0", "exact": "so it is", "question": f"{self._names}?"}
            case "passage.closed" | "passage.reopened":
                about = {"passage": f"p{draw.randrange(2)}"}
            case "discussion.closed" | "discussion.reopened":
                about = moderated
            case _:
                by = draw.choice(("mo", author))
                about = {"comment": key, "by": by, "reason": "so be it"}
        return self._event(kind, resource, late=late, **about)

    def _posted(
        self, resource: str, key: str, author: dict[str, str], *, parent: str | None
    ) -> Event:
        below: dict[str, Any] = {} if parent is None else {"parent": parent}
        return self._event(
            "comment.posted", resource, comment=key, author=author, body=f"as {key}", **below
        )

    def _event(self, kind: str, resource: str | None, *, late: int = 0, **about: Any) -> Event:
        """Each a tenth of a second after the one before, unless it is late."""
        self._names += 1
        place = {"site": SITE} if resource is None else {"site": SITE, "resource": resource}
        time = later(BEGAN, self._names / 10 - late)
        return {
            "specversion": "1.0",
            "type": kind,
            "source": SOURCE,
            "id": f"e{self._names}",
            "time": time,
            "data": {**place, **about},
        }


def _is_busy(result: dict[str, Any]) -> bool:
    return bool(result.get("problem", {}).get("type") == "/problems/busy")


async def _head(session: aiohttp.ClientSession, url: str) -> int:
    """Return the log's head, once the service is ready."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            async with session.get(f"{url}/readyz") as response:
                if response.status == 200:
                    return int((await response.json())["head"])
            await asyncio.sleep(LOOK_SECONDS)


async def _post(
    session: aiohttp.ClientSession, url: str, events: Sequence[Event]
) -> list[dict[str, Any]]:
    """Publish events, and return a result for each."""
    if len(events) > 1:
        headers = {"Content-Type": BATCHED}
        async with session.post(url, data=json.dumps(events), headers=headers) as response:
            assert response.status == 200, await response.text()
            answer = await response.json()
            return list(answer["results"])
    headers = {"Content-Type": STRUCTURED}
    async with session.post(url, data=json.dumps(events[0]), headers=headers) as response:
        answer = json.loads(await response.read())
        if response.status in (200, 201):
            assert (response.status == 201) == (answer["status"] == "recorded")
            return [answer]
        assert response.content_type == "application/problem+json", answer
        return [{"event": events[0]["id"], "status": "rejected", "problem": answer}]
