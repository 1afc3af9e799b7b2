"""Beside other systems, without a bar: UmaDB as a log, Isso as a comment section.

They do less: UmaDB checks that a vote's tag is new, and knows nothing of comments and persons;
Isso keeps counters beside its comments, and closes each connection.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.figures import Figure
from bench.generate import SITE, SOURCE
from bench.http_load import ask, drive, drive_closing, request
from bench.peers.others import HOST, Others
from bench.processes import SECRET, Served, rostra
from bench.rounds import alternate
from bench.rows.append import append_rate
from bench.setting import Setting
from bench.votes import Ballots, group, targets
from rostra_adapters.http.auth.tokens import sign
from rostra_adapters.postgres import PostgresLog

CLIENTS = 32
APPENDED_GUESSED = 8_000
ASKED_GUESSED = 500
"""A second, about, of the slower of the two."""
COMMENTS = 200
"""Comments that exist at the beginning: they are voted on and read."""
PAGE_COMMENTS = 20
WORDS = "A comment of a sentence or two, as most of them are; *with* a word in it that stands out."
RESOURCE = "/beside"


async def measure(setting: Setting) -> list[Figure]:
    """Measure the other programs; nothing if they may not be installed."""
    if setting.others is None:
        return []
    others = Others(setting.others)
    await others.install()
    with TemporaryDirectory(prefix="data-", dir=setting.others) as folder:
        return [
            await _appending(setting, others, Path(folder)),
            *await _commenting(setting, others, Path(folder)),
        ]


async def _appending(setting: Setting, others: Others, folder: Path) -> Figure:
    load, scale = setting.scale.load, setting.scale
    async with setting.databases.copy(load) as url, others.umadb(folder) as umadb:
        ballots = Ballots(await targets(url), "others")
        events = max(CLIENTS, int(APPENDED_GUESSED * scale.seconds))

        async def ours() -> float:
            groups = [group([ballot]) for ballot in ballots.take(events)]
            async with await PostgresLog.open(url) as log:
                await log.append(groups[0])
                return await append_rate(log, groups[1:], CLIENTS)

        async def theirs() -> float:
            lines = (f"{one.stream}\t{one.state().decode()}" for one in ballots.take(events))
            file = folder / "events"
            file.write_text("\n".join(lines))
            return await others.umadb_rate(umadb, file, CLIENTS)

        mine, found = await alternate(scale.rounds, ours, theirs)
    return Figure(
        name=f"append, one event each, {CLIENTS} callers, beside UmaDB",
        unit="events/s",
        ours=mine,
        peer=f"UmaDB, {CLIENTS} clients",
        peers=found,
    )


async def _commenting(setting: Setting, others: Others, folder: Path) -> list[Figure]:
    async with (
        setting.databases.empty() as url,
        rostra(url) as served,
        others.isso(folder) as port,
    ):
        each = max(CLIENTS, int(ASKED_GUESSED * setting.scale.seconds))
        ours, theirs = _Rostra(served, each), _Isso(port, each)
        await ours.begin()
        await theirs.begin()
        figures = []
        for name, unit, mine, other in (
            ("a comment posted", "comments/s", ours.comments, theirs.comments),
            ("a vote cast", "votes/s", ours.votes, theirs.votes),
            ("a page of 20 comments", "pages/s", ours.pages, theirs.pages),
        ):
            rates = await alternate(setting.scale.rounds, mine, other)
            figures.append(
                Figure(
                    name=f"{name}, beside Isso",
                    unit=unit,
                    ours=rates[0],
                    peer="Isso 0.14",
                    peers=rates[1],
                )
            )
        return figures


class _Rostra:
    """A service that publishes events one by one, and readers of a page."""

    def __init__(self, served: Served, each: int) -> None:
        self._served = served
        self._each = each
        self._numbers = count()
        token = sign(SECRET, scope="publish", person="bench")
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/cloudevents+json",
        }
        self._page = b""

    async def begin(self) -> None:
        await self._drive([self._event("discussion.opened")], 201)
        first = (f"first-{number}" for number in range(COMMENTS))
        await self._drive([self._comment(comment=key) for key in first], 201)
        which = f"site={SITE}&resource={RESOURCE}&min_position={1 + COMMENTS}"
        named = request("GET", f"/v1/discussions?{which}")
        _, _, body = await ask(self._served.host, self._served.port, named)
        discussion = msgspec.json.decode(body)["id"]
        path = f"/v1/discussions/{discussion}/comments?limit={PAGE_COMMENTS}"
        self._page = request("GET", path)

    async def comments(self) -> float:
        return await self._drive([self._comment() for _ in range(self._each)], 201)

    async def votes(self) -> float:
        votes = [
            self._event("vote.cast", comment=f"first-{n % COMMENTS}", voter=f"v{n}", value=1)
            for n in (next(self._numbers) for _ in range(self._each))
        ]
        return await self._drive(votes, 201)

    async def pages(self) -> float:
        return await self._drive([self._page] * self._each, 200)

    def _comment(self, **key: str) -> bytes:
        author = {"id": f"a{next(self._numbers)}", "name": "Ann"}
        return self._event("comment.posted", author=author, body=WORDS, **key)

    def _event(self, kind: str, **data: object) -> bytes:
        event = {
            "specversion": "1.0",
            "type": kind,
            "source": SOURCE,
            "id": f"others-{next(self._numbers)}",
            "data": {"site": SITE, "resource": RESOURCE, **data},
        }
        return request("POST", "/v1/events", msgspec.json.encode(event), **self._headers)

    async def _drive(self, requests: Sequence[bytes], status: int) -> float:
        host, port = self._served.host, self._served.port
        seconds = await drive(host, port, requests, connections=CLIENTS, expected=status)
        return len(requests) / seconds


class _Isso:
    """Readers of a page, each from a network of their own, since it takes one vote of each."""

    def __init__(self, port: int, each: int) -> None:
        self._port = port
        self._each = each
        self._numbers = count()

    async def begin(self) -> None:
        await self._drive([self._comment() for _ in range(COMMENTS)], 201)

    async def comments(self) -> float:
        return await self._drive([self._comment() for _ in range(self._each)], 201)

    async def votes(self) -> float:
        votes = [
            self._post(f"/id/{1 + number % COMMENTS}/like", {}) for number in range(self._each)
        ]
        return await self._drive(votes, 200)

    async def pages(self) -> float:
        page = request("GET", f"/?uri={RESOURCE}&limit={PAGE_COMMENTS}&nested_limit=3")
        return await self._drive([page] * self._each, 200)

    def _comment(self) -> bytes:
        body = {"text": WORDS, "author": "Ann", "title": "Beside"}
        return self._post(f"/new?uri={RESOURCE}", body)

    def _post(self, path: str, body: Mapping[str, str]) -> bytes:
        number = next(self._numbers)
        reader = f"10.{number // 256 % 256}.{number % 256}.1"
        return request(
            "POST",
            path,
            msgspec.json.encode(body),
            Content_Type="application/json",
            X_Forwarded_For=reader,
        )

    async def _drive(self, requests: Sequence[bytes], status: int) -> float:
        seconds = await drive_closing(
            HOST, self._port, requests, connections=CLIENTS, expected=status
        )
        return len(requests) / seconds
