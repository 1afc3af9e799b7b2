"""The browser anchors passages by the service's rules: the same vectors, run by node."""

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from anchoring import vectors
from support.requirements import missing

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "adapters/rostra_adapters/web"
VECTORS = HERE.parent / "anchoring/vectors.json"
TEXTS = 150


def test_every_vector_comes_out_the_same() -> None:
    assert differing(json.loads(VECTORS.read_bytes())) == []


@pytest.mark.parametrize(
    "letters", ["ab", "ab ", "abc \n", "ab😀e\u0301\u00e9 \u00ad", "כאab \u00a0"]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_texts_made_at_random_come_out_the_same(letters: str, seed: int) -> None:
    """Of few letters, so that many places are nearly alike."""
    made = vectors.at_random(random.Random(seed), letters, TEXTS)
    states = {it["expected"]["state"] for case in made["anchor"] for it in case["passages"]}
    assert states == {"anchored", "moved", "orphaned"}
    assert differing(made) == []


def test_rows_of_a_list_come_out_the_same() -> None:
    assert differing(vectors.of_lists(random.Random(3), 20)) == []


def differing(wanted: dict[str, Any]) -> list[Any]:
    node = shutil.which("node")
    if node is None:
        missing("node", "install nodejs")
    ran = subprocess.run(
        [node, HERE / "vectors.mjs", MODULES],
        input=json.dumps(wanted).encode(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    *wrong, last = ran.stdout.decode().splitlines() or [""]
    assert last == "done", ran.stderr.decode()
    return [json.loads(line) for line in wrong]
