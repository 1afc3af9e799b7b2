"""The browser names resources by the rules of the service: the shared vectors, run by node."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from rostra.resource_urls import canonical_resource
from support.javascript import copy_modules, run_node

HERE = Path(__file__).parent
VECTORS = HERE.parent / "domain/resource_urls.json"
BEGINNINGS = (
    "https://example.org",
    "HTTP://E.org/",
    "https://bücher.example",
    "https://",
    "//",
    "",
)
PIECES = (
    *"/?#&=.%:@[]\\ aZ~é🚀\ud800\u202e\n;+$!",
    *("..", "%2e", "%2F", "%c3%a9", "%ff", "%zz", "e\u0301", "日本", "xn--", "%3A", "%ee"),
    "\u0301",
    *("utm_source=x", "fbclid=1", "pk=1", "?a=1", ":443", ":80"),
)
URLS = 5_000


def differing(folder: Path, vectors: list[tuple[str, str]]) -> list[Any]:
    """Return what the browser's module names otherwise."""
    modules = copy_modules(folder)
    ran = run_node(HERE / "urls.mjs", modules, stdin=json.dumps(vectors).encode())
    *wrong, last = ran.stdout.decode().splitlines() or [""]
    assert last == "done", ran.stderr.decode()
    return [json.loads(line) for line in wrong]


def test_every_url_has_the_name_that_the_vectors_say(tmp_path: Path) -> None:
    assert differing(tmp_path, json.loads(VECTORS.read_bytes())) == []


def test_the_vectors_hold_both_kinds() -> None:
    pairs = json.loads(VECTORS.read_bytes())
    assert len(pairs) > 100
    assert 20 < sum(given == named for given, named in pairs) < 80


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_urls_made_at_random_have_the_same_name_on_both_sides(tmp_path: Path, seed: int) -> None:
    chosen = random.Random(seed)
    made = [
        chosen.choice(BEGINNINGS) + "".join(chosen.choices(PIECES, k=chosen.randrange(12)))
        for _ in range(URLS)
    ]
    named = [(url, canonical_resource(url)) for url in made]
    assert sum(url != name for url, name in named) > URLS / 10
    assert differing(tmp_path, named) == []
