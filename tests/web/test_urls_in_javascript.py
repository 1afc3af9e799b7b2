"""The browser names resources by the rules of the service: the shared vectors, run by node."""

import json
from pathlib import Path

from support.javascript import copy_modules, run_node

HERE = Path(__file__).parent
VECTORS = HERE.parent / "domain/resource_urls.json"


def test_every_url_has_the_name_that_the_vectors_say(tmp_path: Path) -> None:
    modules = copy_modules(tmp_path)
    ran = run_node(HERE / "urls.mjs", modules, stdin=VECTORS.read_bytes())
    *wrong, last = ran.stdout.decode().splitlines() or [""]
    assert last == "done", ran.stderr.decode()
    assert wrong == []


def test_the_vectors_hold_both_kinds() -> None:
    pairs = json.loads(VECTORS.read_bytes())
    assert len(pairs) > 100
    assert 20 < sum(given == named for given, named in pairs) < 80
