"""Answers under load: none shows less than its `Rostra-Position` says.

Everything that is counted here only grows, so an answer that says it is of position P must show
at least what had been recorded up to P.
"""

import asyncio
import os
import random
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pytest

from rostra import ids
from rostra_adapters.http import HttpSettings
from support.effort import examples
from support.service import SECRET, Answer, Service, event, opened, posted, serving, token, voted
from support.waiting import WAIT_SECONDS_MAX

ANSWERS = int(os.environ.get("ROSTRA_TEST_ANSWERS", examples(1500)))
READERS = 16
COMMENTS = 4
NAMES = [f"c{n}" for n in range(COMMENTS)]
DISCUSSION = ids.discussion_id("gazette", "/trams")
FAST = HttpSettings(secret=SECRET, person_rate=None, reader_rate=None)

Counted = dict[str, int]
"""Figures that an answer shows, by name."""


class Recorder:
    """What was recorded, by figure: positions in ascending order, one for each step."""

    def __init__(self) -> None:
        self._positions: dict[str, list[int]] = defaultdict(list)
        self.last = 0

    def add(self, figure: str, position: int) -> None:
        self._positions[figure].append(position)

    def at(self, figure: str, position: int) -> int:
        """How far a figure had come at a position."""
        return bisect_right(self._positions[figure], position)


async def write(service: Service, recorder: Recorder, more: Callable[[], bool]) -> None:
    """Votes, comments, replies, edits and settings, some at a time, while there are readers."""
    numbers, titles = count(), count(1)
    wordings = {name: count(1) for name in NAMES}
    choose = random.Random(18)
    while more():
        events, figures = [], []
        for _ in range(choose.randint(1, 4)):
            number, name = next(numbers), choose.choice(NAMES)
            kind = choose.choice(["vote", "vote", "vote", "comment", "reply", "edit", "title"])
            match kind:
                case "vote":
                    events.append(voted(on=name, voter=f"v{number}"))
                    figures.append(f"up {name}")
                case "comment":
                    events.append(posted(f"new{number}", body="new"))
                    figures.append("comments")
                case "reply":
                    events.append(posted(f"new{number}", body="new", parent=name))
                    figures.append(f"replies {name}")
                case "edit":
                    body = f"wording {next(wordings[name])}"
                    events.append(event("comment.edited", comment=name, body=body))
                    figures.append(f"wording {name}")
                case _:
                    number = next(titles)
                    settings = {"edit_seconds": number}
                    events.append(opened(title=f"title {number}", settings=settings))
                    figures.append("title")
        for result, figure in zip(await service.batch(events), figures, strict=True):
            assert result["status"] == "recorded", result
            recorder.add(figure, result["position"])
            recorder.last = result["position"]


def of_comment(shown: dict[str, Any]) -> Counted:
    name = shown["key"]
    if name not in NAMES:
        return {}
    counted = {
        f"up {name}": shown["up"],
        f"replies {name}": shown["replies"],
        f"wording {name}": int(shown["body"].removeprefix("wording ")),
    }
    for child in shown.get("children", []):
        counted |= of_comment(child)
    return counted


def of_list(answer: Answer) -> Counted:
    counted: Counted = {"comments": answer.json["total"]}
    for shown in answer.json["comments"]:
        counted |= of_comment(shown)
    return counted


def of_discussion(shown: dict[str, Any]) -> Counted:
    title = int(shown["title"].removeprefix("title "))
    return {"title": title, "all": shown["comments"] + shown["replies"]}


def of_words(answer: Answer) -> Counted:
    """The title and the wordings that stand in a page or a feed."""
    text = answer.body.decode()
    [title] = set(re.findall(r"title (\d+)", text))
    return {"title": int(title)}


def routes() -> dict[str, Callable[[Answer], Counted]]:
    """Every kind of read, and the figures that its answer shows."""
    here = f"/v1/discussions/{DISCUSSION}"
    c0 = ids.comment_id(DISCUSSION, NAMES[0])
    return {
        f"{here}/comments?order=oldest": of_list,
        f"{here}/comments?order=most_voted": of_list,
        f"{here}/comments?order=oldest&limit=3&replies=0": of_list,
        f"/v1/comments/{c0}": lambda answer: of_comment(answer.json),
        f"/v1/comments/{c0}/replies": lambda answer: {f"replies {NAMES[0]}": answer.json["total"]},
        here: lambda answer: of_discussion(answer.json),
        "/v1/sites/gazette/discussions": lambda a: of_discussion(a.json["discussions"][0]),
        "/v1/sites/gazette/comments": lambda answer: {"all": answer.json["total"]},
        "/v1/counts?site=gazette&resource=/trams": lambda a: {"all": a.json["counts"]["/trams"]},
        "/v1/rules?site=gazette&resource=/trams": lambda a: {"title": a.json["edit_seconds"]},
        f"{here}/page": of_words,
        f"{here}/feed.atom": of_words,
    }


def older(recorder: Recorder, counted: Counted, position: int) -> list[str]:
    """What an answer shows less of than had been recorded at its position."""
    found = []
    for figure, shown in counted.items():
        if figure == "all":
            grown = ("comments", *(f"replies {name}" for name in NAMES))
            least = COMMENTS + sum(recorder.at(one, position) for one in grown)
        else:
            least = recorder.at(figure, position)
            least += COMMENTS if figure == "comments" else 0
        if shown < least:
            found.append(f"{figure}: {shown}, not {least}, at {position}")
    return found


@pytest.mark.parametrize("backend", ["postgres", "memory"])
async def test_no_answer_is_older_than_its_position(database_url: str, backend: str) -> None:
    url = database_url if backend == "postgres" else "memory:"
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(serving(url, FAST))
        readable = [here]
        if backend == "postgres":
            readable.append(await stack.enter_async_context(serving(url, FAST)))
        first = [posted(name, body="wording 0") for name in NAMES]
        start = {"edit_seconds": 0, "self_votes": True}
        await here.given(opened(title="title 0", settings=start), *first)
        for service in readable:
            await service.app.wait(await here.app.head(), WAIT_SECONDS_MAX)
        recorder, reads = Recorder(), routes()
        answers: list[tuple[str, int, Counted]] = []

        def more() -> bool:
            return len(answers) < ANSWERS

        async def read(choose: random.Random) -> None:
            while more():
                path, counted = choose.choice(list(reads.items()))
                service, bearer = choose.choice(readable), None
                least = 0
                if choose.random() < 0.3:
                    least = recorder.last
                    path += f"{'&' if '?' in path else '?'}min_position={least}&wait=30"
                if choose.random() < 0.2:
                    bearer = token("comment", site="gazette", person="reader")
                answer = await service.ask("GET", path, token=bearer)
                assert answer.status == 200, (path, answer.body)
                position = int(answer.headers["Rostra-Position"])
                assert position >= least, path
                answers.append((path, position, counted(answer)))

        async with asyncio.TaskGroup() as group:
            for number in range(READERS):
                group.create_task(read(random.Random(number)))
            group.create_task(write(here, recorder, more))
        wrong = [
            (path, lines)
            for path, position, counted in answers
            if (lines := older(recorder, counted, position))
        ]
        assert not wrong, (len(wrong), len(answers), wrong[:5])
        positions = {position for _, position, _ in answers}
        assert len(positions) > 10  # while it was written
