"""The demo: a conversation of our own, from file to page."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from rostra.deciding.handle import handle
from rostra.times import parse_time
from support import model_ids
from support.harness import commanded
from support.memory import MemoryLog, MemoryRing
from support.model import Act, Model

INFRA = Path(__file__).parents[2] / "infra"
DISCUSSION = model_ids.discussion("gazette", "/2025/05/night-trams")


def conversation() -> list[Act]:
    lines = (INFRA / "demo" / "conversation.ndjson").read_text("utf-8").splitlines()
    acts: list[Act] = [json.loads(line) for line in lines]
    return [{**act, "time": parse_time(act["time"])} for act in acts]


def judged() -> tuple[Model, list[str]]:
    model = Model()
    return model, [model.apply(act) for act in conversation()]


async def test_all_of_it_is_recorded_but_one_vote_that_comes_late() -> None:
    acts = conversation()
    outcomes = await handle(MemoryLog(), MemoryRing(), [commanded(act) for act in acts])
    statuses = [outcome.status for outcome in outcomes]
    assert statuses == judged()[1]
    assert Counter(statuses) == {"recorded": len(acts) - 1, "unchanged": 1}
    assert statuses[-1] == "unchanged"


def test_its_passages_are_as_long_as_their_words() -> None:
    model, _ = judged()
    passages = model.marked(DISCUSSION)
    assert len(passages) == 2
    for passage in passages:
        assert passage["end"] - passage["start"] == len(passage["exact"])
        assert passage["comments"] > 0


@pytest.mark.slow
def test_the_demo_prints_the_most_voted_and_stops_what_it_started(tmp_path: Path) -> None:
    settings = ("ROSTRA_", "POLIS")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(settings)}
    done = subprocess.run(
        [sys.executable, str(INFRA / "polis" / "demo.py")],
        check=False,
        env={**environment, "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    model, _ = judged()
    shown = [line for line in done.stdout.splitlines() if " for, " in line]
    most_voted = map(model.comment, model.listing(DISCUSSION, "most_voted", flat=True)[:5])
    assert shown == [
        f"{number}. {it['score']:+d}  ({it['up']} for, {it['down']} against)"
        for number, it in enumerate(most_voted, 1)
    ]
    totals = model.totals(DISCUSSION)
    assert f"{totals['comments']} comments by {totals['participants']} people" in done.stdout
    assert not list(tmp_path.iterdir())
