"""The browser anchors passages by the service's rules: the same vectors, run by node."""

import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from support import anchoring_vectors as vectors
from support.cases import first_is_quick
from support.javascript import copy_modules, run_node

HERE = Path(__file__).parent
VECTORS = HERE.parent / "domain/anchoring/vectors.json"
TEXTS = 150


def test_every_vector_comes_out_the_same() -> None:
    assert differing(json.loads(VECTORS.read_bytes())) == []


@pytest.mark.parametrize(
    "letters",
    first_is_quick(["ab😀e\u0301\u00e9 \u00ad", "ab", "ab ", "abc \n", "כאab \u00a0"]),
)
@pytest.mark.parametrize("seed", first_is_quick([1, 2]))
def test_texts_made_at_random_come_out_the_same(letters: str, seed: int) -> None:
    """Of few letters, so that many places are nearly alike."""
    made = vectors.at_random(random.Random(seed), letters, TEXTS)
    states = {it["expected"]["state"] for case in made["anchor"] for it in case["passages"]}
    assert states == {"anchored", "moved", "orphaned"}
    assert differing(made) == []


def test_rows_of_a_list_come_out_the_same() -> None:
    assert differing(vectors.of_lists(random.Random(3), 20)) == []


def differing(wanted: dict[str, Any]) -> list[Any]:
    with TemporaryDirectory() as folder:
        modules = copy_modules(Path(folder))
        ran = run_node(HERE / "vectors.mjs", modules, stdin=json.dumps(wanted).encode())
    *wrong, last = ran.stdout.decode().splitlines() or [""]
    assert last == "done", ran.stderr.decode()
    return [json.loads(line) for line in wrong]
