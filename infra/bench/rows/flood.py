"""A flood of advertising by guests: what readers and moderators notice of it."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec

from bench.figures import Figure
from bench.generate import SITE
from bench.http_load import ask, drive, request
from bench.processes import SECRET, Served, rostra
from bench.rounds import several
from bench.setting import Setting
from rostra import ids
from rostra_adapters.http.auth.tokens import sign

HOW_TO = Path(__file__).parents[3] / "docs/how-to/moderate.md"
DISCUSSION = ids.discussion_id(SITE, "/articles/0")
PAGE = f"/v1/discussions/{DISCUSSION}/comments"
QUEUE = f"/v1/moderation?site={SITE}&status=held&limit=50"
GUESTS = 20
FLOOD_A_SECOND = 2_000 / 60
READS_A_SECOND = 60.0
READERS = 200
CONNECTIONS = 16
QUEUE_SECONDS = 1.0
"""Time between two looks of a moderator."""
MEDIAN_MS_MORE = 5.0
SLOWEST_MS_MORE = 20.0
QUEUE_MS_MORE = 100.0

Latencies = tuple[float, float, float]
"""Milliseconds: a reader's page (median, 95th percentile), and a moderator's queue (median)."""


def rules_of_the_page() -> list[dict[str, Any]]:
    """Return the rules that the how-to page shows."""
    lines = HOW_TO.read_text("utf-8").splitlines()
    (line,) = (one for one in lines if '"type":"site.configured"' in one)
    found: list[dict[str, Any]] = json.loads(line)["data"]["settings"]["rules"]
    return found


async def measure(setting: Setting) -> list[Figure]:
    """Measure pages by turns with and without 2,000 comments a minute by 20 guests."""
    scale = setting.scale
    async with setting.databases.copy(scale.load) as url, rostra(url) as ours:
        flood = Flood(ours, scale.seconds)
        await flood.begin()
        flooded, quiet = await several(
            scale.rounds,
            lambda: flood.latencies(is_flooded=True),
            lambda: flood.latencies(is_flooded=False),
        )
        await flood.check()
    named = (
        ("a reader's page, median", MEDIAN_MS_MORE),
        ("a reader's page, 95th percentile", SLOWEST_MS_MORE),
        ("the queue of held comments, median", QUEUE_MS_MORE),
    )
    return [
        Figure(
            name=f"{name}, while {GUESTS} guests flood",
            unit="ms",
            ours=[each[part] for each in flooded],
            peer="without the flood",
            peers=[each[part] for each in quiet],
            rule="at most more",
            bar=bar,
            note=f"{flood.sent:,} comments in all, of which none was shown",
        )
        for part, (name, bar) in enumerate(named)
    ]


class Flood:
    """Readers of a discussion, its moderator, and guests who advertise there."""

    def __init__(self, ours: Served, seconds: float) -> None:
        self._ours = ours
        self._seconds = seconds
        self._guests: list[dict[str, str]] = []
        self._moderator = _bearer("moderate", SITE, "mia")
        self.sent = 0

    async def begin(self) -> None:
        """Set the rules, and let the guests in."""
        settings = {"guests": True, "rules": rules_of_the_page()}
        event = {
            "specversion": "1.0",
            "source": "bench",
            "id": "rules",
            "type": "site.configured",
            "data": {"site": SITE, "settings": settings},
        }
        content = {"Content_Type": "application/cloudevents+json"}
        admin = _bearer("publish admin", "*", "bench")
        await self._must("/v1/events", event, 201, admin | content)
        for number in range(GUESTS):
            address = {"X_Forwarded_For": f"198.51.100.{number}"}
            named = {"site": SITE, "name": f"Guest {number}"}
            answer = await self._must("/v1/guests", named, 201, address)
            self._guests.append(address | {"Authorization": f"Bearer {answer['token']}"})

    async def latencies(self, *, is_flooded: bool) -> Latencies:
        """Read for a while at a steady rate."""
        pages: list[float] = []
        looks: list[float] = []
        reads = max(CONNECTIONS, int(READS_A_SECOND * self._seconds))
        work = [
            self._drive(self._reads(reads), READS_A_SECOND, 200, pages),
            self._drive(self._looks(), 1 / QUEUE_SECONDS, 200, looks),
        ]
        if is_flooded:
            work.append(self._drive(self._advertising(), FLOOD_A_SECOND, 201, []))
        await asyncio.gather(*work)
        return median(pages), quantiles(pages, n=20)[-1], median(looks)

    async def check(self) -> None:
        """Raise AssertionError if a comment of the flood is shown, or any is missing."""
        _, _, body = await ask(
            self._ours.host, self._ours.port, request("GET", f"{PAGE}?limit=100")
        )
        assert b"spam.example" not in body, "the flood is shown"
        looked = request("GET", f"{QUEUE}&wait=30", b"", **self._moderator)
        _, _, body = await ask(self._ours.host, self._ours.port, looked)
        held = msgspec.json.decode(body)["counts"]["held"]
        assert held >= min(self.sent, 1_000), f"{held} of {self.sent} comments are held"

    async def _drive(
        self, requests: Sequence[bytes], a_second: float, expected: int, took: list[float]
    ) -> None:
        def seen(_number: int, sent: float, _body: bytes) -> None:
            took.append((time.perf_counter() - sent) * 1e3)

        await drive(
            self._ours.host,
            self._ours.port,
            requests,
            connections=CONNECTIONS,
            expected=expected,
            seen=seen,
            each_second=a_second,
        )

    def _reads(self, count: int) -> list[bytes]:
        return [
            request("GET", PAGE, X_Forwarded_For=f"203.0.113.{number % READERS}")
            for number in range(count)
        ]

    def _looks(self) -> list[bytes]:
        looks = max(2, int(self._seconds / QUEUE_SECONDS))
        return [request("GET", QUEUE, b"", **self._moderator)] * looks

    def _advertising(self) -> list[bytes]:
        count = max(GUESTS, int(FLOOD_A_SECOND * self._seconds))
        made = []
        for _ in range(count):
            body = json.dumps({"body": f"See https://spam.example/{self.sent}"}).encode()
            headers = self._guests[self.sent % GUESTS] | {"Content_Type": "application/json"}
            made.append(request("POST", PAGE, body, **headers))
            self.sent += 1
        return made

    async def _must(
        self, path: str, body: dict[str, Any], expected: int, headers: dict[str, str]
    ) -> Any:
        data = json.dumps(body).encode()
        asked = request("POST", path, data, **({"Content_Type": "application/json"} | headers))
        status, _, answer = await ask(self._ours.host, self._ours.port, asked)
        assert status == expected, answer
        return msgspec.json.decode(answer)


def _bearer(scope: str, site: str, person: str) -> dict[str, str]:
    token = sign(SECRET, scope=scope, site=site, person=person)
    return {"Authorization": f"Bearer {token}"}
