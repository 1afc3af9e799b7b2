"""What an operator does: take the log elsewhere, and find and mend what was changed by hand."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from rostra.settings import Order
from support import model_ids
from support.crowd import DISCUSSIONS, SITE, Crowd, Event
from support.running import Rostra, Service, ended

SEED = 3
AFTERWARDS = "2025-03-02T12:00:00.000000Z"
LISTS: Sequence[dict[str, Any]] = (
    *({"order": order, "flat": "true"} for order in get_args(Order)),
    *({"order": order, "replies": 100} for order in get_args(Order)),
    {"inline": "true"},
    {"flat": "true", "inline": "true"},
    {"passage": True},
)
NO_PLACE = ("position", "next_children")  # where in which log, and a cursor that says so


class Filled(NamedTuple):
    rostra: Rostra
    service: Service


@pytest.fixture(scope="module")
def filled(shared_folder: Path) -> Iterator[Filled]:
    """Some discussions by many hands."""
    rostra = Rostra(shared_folder / "data")
    with rostra.serving() as service:
        crowd = Crowd([service.url], rostra.token(), seed=SEED)
        asyncio.run(crowd.publish(publishers=20, requests=20))
        last = rostra.data.parent / "last.ndjson"
        last.write_text("".join(f"{json.dumps(event)}\n" for event in _on_passages()))
        rostra.publish(service, last)
        yield Filled(rostra, service)


def _on_passages() -> Iterator[Event]:
    """A comment on a passage of each discussion, whatever the crowd has made of it."""
    new = {"comment": "last", "passage": "last"}
    for number, resource in enumerate(DISCUSSIONS):
        for kind, about in (
            ("discussion.reopened", {"by": "mo"}),
            ("passage.marked", {"passage": "last", "exact": "the last"}),
            ("comment.posted", {**new, "author": {"id": "zoe", "name": "Zoe"}, "body": "So."}),
            ("comment.approved", {"comment": "last", "by": "mo"}),
        ):
            yield {
                "specversion": "1.0",
                "type": kind,
                "source": "urn:last",
                "id": f"{kind} {number}",
                "time": AFTERWARDS,
                "data": {"site": SITE, "resource": resource, **about},
            }


def everything_shown(service: Service) -> Any:
    """Every list in every order, every count."""
    fresh: dict[str, Any] = {"min_position": service.head(), "wait": 30}
    shown: dict[str, Any] = {
        "site": service.get(f"/v1/sites/{SITE}/discussions", **fresh)["discussions"],
        "counts": counted(service),
    }
    for resource in DISCUSSIONS:
        discussion = model_ids.discussion(SITE, resource)
        passages = service.get(f"/v1/discussions/{discussion}/passages")["passages"]
        shown[f"{resource} passages"] = passages
        busiest = max(passages, key=lambda it: it["comments"] + it["replies"])
        for kind in LISTS:
            asked = {**kind, "passage": busiest["id"]} if "passage" in kind else kind
            shown[f"{resource} {kind}"] = service.comments(discussion, **asked)
    return without(shown, NO_PLACE)


def counted(service: Service, token: str | None = None) -> Any:
    asked = {"site": SITE, "resource": list(DISCUSSIONS)}
    return service.get("/v1/counts", token=token, **asked)["counts"]


def without(shown: Any, fields: Sequence[str]) -> Any:
    if isinstance(shown, dict):
        return {name: without(it, fields) for name, it in shown.items() if name not in fields}
    return [without(it, fields) for it in shown] if isinstance(shown, list) else shown


@pytest.mark.slow
def test_an_export_published_to_an_empty_rostra_shows_the_same(
    filled: Filled, folder: Path
) -> None:
    other = Rostra(folder / "other")
    with (
        other.serving() as service,
        filled.rostra.started("export") as exporting,
        other.started("publish", "-", "--url", service.url, stdin=exporting.stdout) as publishing,
    ):
        published = ended(publishing)
        assert ended(exporting) == (0, "", "")
        assert published.code == 0, published
        assert published.out.endswith(" recorded, 0 duplicate, 0 unchanged, 0 rejected\n")
        shown = everything_shown(service)
        assert shown == everything_shown(filled.service)
        assert min(len(it) for it in shown.values()) > 0
        assert other.export() == filled.rostra.export()


@pytest.mark.slow
def test_one_discussion_can_be_taken_alone(filled: Filled, folder: Path) -> None:
    other = Rostra(folder / "other")
    with other.serving() as service:
        narrow = filled.rostra.must("export", "--site", SITE, "--resource", "/bins")
        settings = '{"specversion":"1.0","type":"site.configured","source":"s","id":"1","data":'
        settings += '{"site":"gazette","settings":{"depth":3}}}\n'
        other.must("publish", "-", "--url", service.url, stdin=(settings + narrow).encode())
        fresh: dict[str, Any] = {"min_position": service.head(), "flat": "true"}
        bins = model_ids.discussion(SITE, "/bins")
        there, here = service.comments(bins, **fresh), filled.service.comments(bins, flat="true")
        assert without(there, NO_PLACE) == without(here, NO_PLACE)
        assert service.get("/v1/counts", site=SITE, resource="/trams")["counts"] == {"/trams": 0}


@pytest.mark.slow
def test_a_reader_of_an_export_may_have_had_enough(filled: Filled) -> None:
    with filled.rostra.started("export") as exporting:
        assert exporting.stdout is not None and exporting.stderr is not None
        assert exporting.stdout.readline().startswith(b'{"specversion":"1.0"')
        exporting.stdout.close()
        assert (exporting.stderr.read(), exporting.wait()) == (b"", 0)


@pytest.mark.slow
def test_on_a_pipe_everything_is_plain_lines(filled: Filled) -> None:
    told = [
        filled.rostra.run(*command)
        for command in (["verify"], ["status"], ["rebuild"], ["export"], ["verify", "--help"])
    ]
    assert [it.code for it in told] == [0] * len(told)
    for it in told:
        assert not set(it.out + it.err) & {"\x1b", "\r"}
        assert it.out == "" or it.out.endswith("\n")


# the table and its view | what is changed by hand
CHANGES = [
    (
        "comment_ranks",
        "comments",
        "update {} set up = up + 1 where {} = (select min({}::text) from {})",
    ),
    ("comments", "comments", "delete from {} where {} = (select max({}::text) from {})"),
    ("comments", "comments", "update {} set replies = replies + 1 where key = 'c3'"),
    (
        "comment_ranks",
        "comments",
        "update {} set hot = hot + 1 where {} = (select max({}::text) from {})",
    ),
    ("comment_counts", "comments", "update {} set comments = comments + 1 where site is not null"),
    ("discussions", "discussions", "update {} set title = 'Another'"),
    ("passages", "passages", "delete from {}"),
]


@pytest.mark.slow
def test_verify_names_what_was_changed_by_hand_and_rebuild_mends_it(filled: Filled) -> None:
    rostra, service = filled.rostra, filled.service
    before = everything_shown(service)
    changed = [row for change in CHANGES for row in _change(rostra, *change)]
    assert len(changed) > len(CHANGES)

    found = rostra.run("verify")
    assert found.code == 1
    assert sorted(_row(line) for line in found.out.splitlines()) == sorted(set(changed))
    # A page that is kept does not know: nothing told it. With a token the tables are read.
    shown = counted(service, rostra.token("read"))
    assert shown == {each: it + 1 for each, it in before["counts"].items()}

    rebuilt = rostra.must("rebuild", "comments", "passages").splitlines()
    assert [line.split()[0] for line in rebuilt] == ["comments:", "passages:"]
    assert all(line.endswith(", changed") for line in rebuilt)
    found = rostra.run("verify")
    assert found.code == 1
    assert {_row(line)[:2] for line in found.out.splitlines()} == {("discussions", "discussions")}
    rebuilt = rostra.must("rebuild").splitlines()
    changed_ones = [line.split()[0] for line in rebuilt if not line.endswith(", equal")]
    assert changed_ones == ["discussions:"]
    assert rostra.run("verify") == (0, "", "0 differences\n")
    assert everything_shown(service) == before


def _change(rostra: Rostra, table: str, view: str, change: str) -> list[tuple[str, str, str]]:
    """Make it, and name the rows that are no longer as they were."""
    standing = dict(rostra.rows("select name, version from rostra_views"))
    name = f"{table}_v{standing[view]}"
    made = change.format(name, "id::text", "id", name)
    return [(view, table, str(row[0])) for row in rostra.rows(f"{made} returning id")]


def _row(line: str) -> tuple[str, str, str]:
    """Of `comments: comments 1c2…: up=1, not up=0`."""
    view, table, stream, *_ = line.replace(":", "").split()
    return view, table, stream
