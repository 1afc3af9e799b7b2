"""The vectors that other implementations are held to are what this one gives."""

import json
from pathlib import Path

from support.anchoring_vectors import vectors

VECTORS = Path(__file__).with_name("vectors.json")


def test_the_vectors_are_what_anchoring_gives() -> None:
    kept = json.loads(VECTORS.read_text("utf-8"))
    made = json.loads(json.dumps(vectors()))
    assert kept.keys() == made.keys()
    for part, cases in kept.items():
        assert made[part] == cases, part


def test_the_vectors_show_every_state() -> None:
    kept = json.loads(VECTORS.read_text("utf-8"))
    states = [one["expected"]["state"] for case in kept["anchor"] for one in case["passages"]]
    assert {"anchored", "moved", "orphaned"} == set(states)
    assert min(states.count(state) for state in set(states)) > len(states) // 20
