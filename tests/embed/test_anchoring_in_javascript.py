"""The browser anchors passages by the service's rules: the same vectors, run by node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "adapters/rostra_adapters/embed"
VECTORS = HERE.parent / "anchoring/vectors.json"


def test_every_vector_comes_out_the_same() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: install nodejs")
    ran = subprocess.run(
        [node, HERE / "vectors.mjs", MODULES],
        input=VECTORS.read_bytes(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    *wrong, last = ran.stdout.decode().splitlines() or [""]
    assert [json.loads(line) for line in wrong] == [], ran.stderr.decode()
    assert last == "done", ran.stderr.decode()
