"""Caches of ids and URLs hold little memory, however long the names are."""

import tracemalloc
from collections.abc import Callable
from uuid import UUID

import pytest

from rostra import ids
from rostra.name_cache import CACHED_CHARACTERS_MAX
from rostra.resource_urls import canonical_resource

NAMES = 5_000
BYTES_MAX = 10 * CACHED_CHARACTERS_MAX
DISCUSSION = ids.discussion_id("news", "/t")


@pytest.mark.parametrize(
    ("compute", "caches"),
    [
        (lambda name: ids.discussion_id("news", name), 1),
        (ids.site_id, 2),
        (lambda name: ids.person_id("news", name), 2),
        (lambda name: ids.comment_id(DISCUSSION, name), 1),
        (canonical_resource, 1),
    ],
    ids=["discussion", "site", "person", "comment", "resource"],
)
def test_long_names_do_not_fill_the_memory(
    compute: Callable[[str], UUID | str], caches: int
) -> None:
    tracemalloc.start()
    try:
        for number in range(NAMES):
            compute("😀" * 1_900 + f"{number:010}")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < caches * BYTES_MAX


def test_usual_names_are_cached() -> None:
    assert ids.discussion_id("news", "/a") is ids.discussion_id("news", "/a")
    assert ids.person_id("news", "ann") is ids.person_id("news", "ann")
    name = "https://a.example/b"
    assert canonical_resource(f"{name}?") is canonical_resource(f"{name}?")
