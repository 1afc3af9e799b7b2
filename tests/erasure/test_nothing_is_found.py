"""After a person is erased, what they wrote and were called is found nowhere."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import asyncpg
import pytest

import rostra_adapters
from rostra import ids
from rostra.ids import DiscussionId, StreamId
from rostra.log import LogUnavailable
from rostra_adapters.application.app import App
from rostra_adapters.keys.ring import MasterKeys, StoredKey
from support.listening import listening
from support.service import (
    MASTER_KEY,
    Answer,
    Event,
    Service,
    event,
    opened,
    posted,
    serving_app,
    token,
)

NAME, MAIL, BODY, EDITED, OTHERS_EDIT, REASON, WAITING = WORDS = (
    "Annabel-Quillfeather",
    "quillfeather@example.org",
    "My-very-own-sentence.",
    "My-second-thought.",
    "What-the-editor-made-of-it.",
    "Because-it-hurts-me.",
    "My-wording-that-waits.",
)
BOBS = "Bob-says-this."
ANN = {"id": "ann", "name": NAME, "email": MAIL}
BOB = {"id": "bob", "name": "Bob"}
MODERATOR = {"scope": "moderate", "site": "gazette", "person": "mia"}


def conversation() -> list[Event]:
    return [
        opened(),
        posted("a1", author=ANN, body=BODY),
        posted("b1", author=BOB, body=BOBS, parent="a1"),
        posted("a2", author=ANN, body=BODY, parent="b1"),
        event("comment.edited", comment="a1", body=EDITED),
        event("comment.edited", comment="a2", body=OTHERS_EDIT, by="mia"),
        posted("a3", author=ANN, body=BODY, status="held"),
        event("comment.flagged", comment="b1", by="ann", reason=REASON),
        event("comment.edited", comment="a1", body=WAITING, status="held"),
        event("vote.cast", comment="a1", voter="bob", value=1),
        event("vote.cast", comment="b1", voter="ann", value=-1),
        event("comment.removed", comment="b1", by="ann", reason=REASON),
        event("comment.restored", comment="b1", by="mia"),
        event("comment.flagged", comment="b1", by="ann2", reason="Not hers."),
    ]


def erased(who: str = "ann", kind: str = "erased") -> Event:
    made = event(f"person.{kind}")
    return {**made, "data": {"site": "gazette", "person": who}}


@asynccontextmanager
async def services(url: str, count: int = 2) -> AsyncIterator[list[Service]]:
    """As many processes of the service would be."""
    async with AsyncExitStack() as stack:
        apps = [
            await stack.enter_async_context(rostra_adapters.open(url, master_key=MASTER_KEY))
            for _ in range(count)
        ]
        yield [await stack.enter_async_context(serving_app(app)) for app in apps]


async def everything(service: Service, discussion: str) -> dict[str, Answer]:
    """All that can be read of the conversation, by who may see most of it."""
    place, moderator = f"/v1/discussions/{discussion}", token(**MODERATOR)
    asked = {
        "feed": ("/v1/events", {}, token()),
        "top": (f"{place}/comments", {}, None),
        "flat": (f"{place}/comments", {"flat": "true"}, moderator),
        "as of then": (f"{place}/comments", {"flat": "true", "as_of": "7"}, None),
        "as of then, to moderators": (f"{place}/comments", {"as_of": "7"}, moderator),
        "log": (f"{place}/moderation-log", {}, moderator),
        "queue": ("/v1/moderation", {"site": "gazette", "status": "flagged"}, moderator),
        "held": ("/v1/moderation", {"site": "gazette", "status": "held"}, moderator),
        "pending": ("/v1/moderation", {"site": "gazette", "status": "pending"}, moderator),
        "discussion": (place, {}, None),
        "counts": ("/v1/counts", {"site": "gazette", "resource": "/trams"}, None),
    }
    for key in ("a1", "a2", "a3", "b1"):
        comment = ids.comment_id(DiscussionId(StreamId(UUID(discussion))), key)
        asked[key] = (f"/v1/comments/{comment}", {}, moderator)
        asked[f"{key} history"] = (f"/v1/comments/{comment}/history", {}, moderator)
    found = {
        what: await service.get(path, token=bearer, **params)
        for what, (path, params, bearer) in asked.items()
    }
    assert {answer.status for answer in found.values()} == {200}
    return found


def said_in(answers: dict[str, Answer], words: tuple[str, ...] = WORDS) -> set[str]:
    return {word for word in words for it in answers.values() if word in it.body.decode()}


def without_words(shown: Any) -> Any:
    """A body as it would be with all words gone."""
    if isinstance(shown, list):
        return [without_words(each) for each in shown]
    if not isinstance(shown, dict):
        return shown
    bare = {name: without_words(it) for name, it in shown.items()}
    return {
        name: None if name in ("body", "html", "name", "reason", "status") else it
        for name, it in bare.items()
        if name not in ("next", "next_children", "position")
    }


async def test_it_is_read_nowhere_in_any_process_and_all_else_is_as_it_was(
    database_url: str,
) -> None:
    async with services(database_url) as (here, there):
        [discussion, *_] = await here.given(*conversation())
        before = [await everything(service, discussion) for service in (here, there)]
        assert [said_in(answers) for answers in before] == [set(WORDS)] * 2

        await here.given(erased())
        for service, was in zip((there, here), before, strict=True):
            now = await everything(service, discussion)
            assert said_in(now) == set()
            assert said_in(now, (BOBS, "Not hers.")) == {BOBS, "Not hers."}
            for what in now.keys() - {"feed"}:
                assert without_words(now[what].json) == without_words(was[what].json), what
            for what in ("a1", "top", "flat"):  # nobody is told that nothing changed
                assert now[what].headers["ETag"] != was[what].headers["ETag"]
            assert now["a3"].json["status"] == "held"
        shown = (await everything(there, discussion))["a1"].json
        assert (shown["status"], shown["body"], shown["html"]) == ("erased", None, None)
        assert shown["author"] == {"id": "ann", "name": None}
        assert (shown["up"], shown["descendants"]) == (1, 2)
        assert not await here.app.verify()


async def test_it_is_read_nowhere_after_a_rebuild_and_by_who_starts_later(
    database_url: str,
) -> None:
    async with services(database_url, 1) as (here,):
        [discussion, *_] = await here.given(*conversation())
        await here.given(erased())
        as_it_was = {what: it.body for what, it in (await everything(here, discussion)).items()}
        assert all(view.equal for view in await here.app.rebuild())
        after = await everything(here, discussion)
        assert {what: it.body for what, it in after.items()} == as_it_was
    async with services(database_url, 1) as (later,):
        assert said_in(await everything(later, discussion)) == set()
        assert not await later.app.verify()


async def test_broken_off_after_the_key_went_it_shows_as_erased_until_it_is_done_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with services(database_url) as (here, there):
        [discussion, *_] = await here.given(*conversation())
        assert said_in(await everything(there, discussion)) == set(WORDS)

        async def away(*_: object) -> None:
            raise LogUnavailable("killed")

        with monkeypatch.context() as broken:
            broken.setattr(here.app.log, "append", away)
            one = erased()
            assert (await here.publish(one)).status == 503
        head = await here.app.head()
        await there.app.ring.wait_for_destruction()
        for service in (here, there):
            now = await everything(service, discussion)
            assert said_in(now) == set()
            assert (now["a1"].json["status"], now["a3"].json["status"]) == ("erased", "held")
        assert (await there.publish(posted("a9", author=ANN))).problem == "person-erased"
        assert [str(it) for it in await here.app.verify() if "words without" not in str(it)] == []
        assert (await there.publish(one)).json["position"] == head + 1
        assert not await here.app.verify()


async def test_over_http_only_for_the_site_of_the_token(service: Service) -> None:
    elsewhere = token(site="herald")
    assert (await service.publish(erased(), token=elsewhere)).problem == "forbidden"
    answer = await service.publish(erased())
    assert (answer.status, answer.json["id"]) == (201, str(ids.person_id("gazette", "ann")))
    bearer = token("comment", site="gazette", person="ann")
    [discussion] = await service.given(opened())
    body = b'{"body": "Here I am."}'
    path, headers = f"/v1/discussions/{discussion}/comments", {"Content-Type": "application/json"}
    refused = await service.ask("POST", path, token=bearer, headers=headers, body=body)
    assert (refused.status, refused.problem) == (422, "person-erased")


def bytes_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    # Other tests drop databases of the same server meanwhile; `os.walk` passes over folders
    # that are gone.
    for parent, _, names in os.walk(folder):
        for path in (Path(parent) / name for name in sorted(names)):
            with suppress(FileNotFoundError):
                if path.is_file():
                    yield path, path.read_bytes()


async def dump(connection: asyncpg.Connection) -> AsyncIterator[tuple[str, bytes]]:
    """Every table there is, those of the keys too, as text with its bytes in clear."""
    tables = await connection.fetch(
        "select format('%I.%I', schemaname, tablename), schemaname from pg_tables"
        " where schemaname not in ('information_schema')"
    )
    for name, schema in tables:
        forms: tuple[Literal["text", "binary"], ...] = ("text", "binary")
        for form in forms[: 1 if schema == "pg_catalog" else 2]:
            parts: list[bytes] = []

            async def take(part: bytes, parts: list[bytes] = parts) -> None:
                parts.append(part)

            await connection.copy_from_query(f"table {name}", output=take, format=form)
            yield name, b"".join(parts)


@pytest.mark.slow
async def test_it_is_in_no_table_and_no_file_and_no_key_that_is_left_opens_it(
    database_url: str, run_folder: Path
) -> None:
    async with services(database_url, 1) as (service,):
        await service.given(*conversation())
        await service.given(erased())
        await service.catch_up()
    connection = await asyncpg.connect(database_url)
    try:
        tables: dict[str, bytes] = {}
        async for name, data in dump(connection):
            tables[name] = tables.get(name, b"") + data
        assert {"rostra_keys.person_keys", "public.stored_events"} <= tables.keys()
        assert any(b"ann" in data for data in tables.values())  # it would be found
        for name, data in tables.items():
            assert not [word for word in WORDS if word.encode() in data], name
        await connection.execute("checkpoint")
        for path, data in bytes_of(run_folder):
            assert not [word for word in WORDS if word.encode() in data], path
        kept = [
            StoredKey(*row)
            for row in await connection.fetch(
                "select owner, key_id, wrapped, master, erasures from rostra_keys.person_keys"
                " where wrapped is not null"
            )
        ]
        masters = MasterKeys(MASTER_KEY)
        assert all(masters.unwrap(key) for key in kept)
        assert ids.person_id("gazette", "ann") not in {key.owner for key in kept}
        sealed = await connection.fetch(
            "select convert_from(state, 'utf8')::jsonb ->> 'personal' as sealed"
            " from stored_events where topic = 'comment.posted'"
            " and convert_from(state, 'utf8')::jsonb ->> 'author' = 'ann'"
        )
        with_these = {key.key_id for key in kept}
        keys = {row["sealed"] and _key_id(row["sealed"]) for row in sealed}
        assert len(sealed) == 3
        assert keys.isdisjoint(with_these)
    finally:
        await connection.close()


def _key_id(sealed: str) -> bytes:
    from base64 import b64decode

    return b64decode(sealed)[1:9]


async def test_who_reads_live_is_told_and_who_comes_back_is_not_told_the_words(
    database_url: str,
) -> None:
    async with services(database_url) as (here, there):
        [discussion, *_] = await here.given(*conversation())
        head = await here.app.head()
        url = f"{there.url}/v1/discussions/{discussion}/live?min_position={head}"
        async with asyncio.timeout(60), listening(url, last_event_id=1) as listener:
            told = [await listener.next()]
            while told[-1][0] != head - 1:  # what was before; the last one is a flag
                told.append(await listener.next())
            assert EDITED in json.dumps([data for _, _, data in told])
            await here.given(erased())
            gone = [await listener.next() for _ in range(2)]
        comments = {
            str(ids.comment_id(DiscussionId(StreamId(UUID(discussion))), key))
            for key in ("a1", "a2")
        }
        assert {data["id"] for _, _, data in gone} == comments
        assert {(id_, name, data["status"]) for id_, name, data in gone} == {
            (head + 1, "comment", "erased")
        }
        async with asyncio.timeout(60), listening(url, last_event_id=1) as listener:
            again: list[Any] = []
            while not again or again[-1][0] != head + 1:
                again.append(await listener.next())
        assert not [word for word in WORDS if word in json.dumps(again)]


async def test_who_follows_the_feed_later_is_not_told_the_words(database_url: str) -> None:
    async with services(database_url) as (here, there):
        await here.given(*conversation())
        url = f"{there.url}/v1/events"
        async with asyncio.timeout(60), listening(url, token=token()) as listener:
            told = [await listener.next() for _ in range(len(conversation()))]
            assert all(word in json.dumps(told) for word in WORDS)
            await here.given(erased())
            id_, _, last = await listener.next()
            assert (last["type"], last["data"]) == (
                "person.erased",
                {"site": "gazette", "person": "ann"},
            )
            async with listening(url, token=token()) as second:
                later = [await second.next() for _ in range(int(id_ or 0))]
            assert not [word for word in WORDS if word in json.dumps(later)]


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres"])
async def test_embedded_it_is_the_same_on_every_log(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "rostra.sqlite"
    url = {"memory": "memory:", "sqlite": f"sqlite:{file}"}.get(kind)
    url = url or request.getfixturevalue("database_url")
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        outcomes = await app.publish([*conversation(), erased()])
        await _assert_erased(app, outcomes[-1].position or 0)
        (refused,) = await app.publish([posted("a9", author=ANN)])
        assert refused.refusal is not None
        assert refused.refusal.name == "person-erased"
        outcomes = await app.publish([erased(kind="returned"), posted("a9", author=ANN)])
        await _assert_erased(app, outcomes[-1].position or 0, but=1)
        assert not await app.verify()
    if kind == "sqlite":
        await asyncio.to_thread(_assert_no_bytes, tmp_path)
        async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
            await _assert_erased(app, 0, but=1)


def _assert_no_bytes(folder: Path) -> None:
    for path, data in bytes_of(folder):
        assert not [word for word in WORDS if word.encode() in data], path


async def _assert_erased(app: App, position: int, but: int = 0) -> None:
    page = await app.comments("gazette", "/trams", flat=True, min_position=position)
    assert page is not None
    shown = {
        comment.status for comment in page.comments if comment.author and comment.author.id == "ann"
    }
    assert shown == ({"erased", "published"} if but else {"erased"})
    assert len([it for it in page.comments if it.body == BOBS]) == 1
    assert len([it for it in page.comments if it.body is not None]) == 1 + but
