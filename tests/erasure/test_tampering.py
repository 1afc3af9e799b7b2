"""Words that were altered, or moved to another event, are never shown as words."""

import msgspec
import psycopg
import pytest
from psycopg.types.json import Jsonb

from rostra import ids
from rostra.sealing import Damaged, Erased
from support.cases import first_is_quick
from support.service import PLACE, Service, event, opened, posted, serving, token

SECRETS = ("The-first-words.", "The-second-words.")
DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])
C1, C2 = (ids.comment_id(DISCUSSION, key) for key in ("c1", "c2"))


def altered(sealed: str, index: int) -> str:
    data = bytearray(msgspec.json.decode(msgspec.json.encode(sealed), type=bytes))
    data[index] ^= 1
    encoded: str = msgspec.to_builtins(bytes(data))
    return encoded


def tamper(url: str, how: str) -> None:
    """As somebody who owns the database can."""
    with psycopg.connect(url) as connection:
        connection.execute("alter table stored_events disable trigger all")
        select = "select convert_from(state, 'utf8')::jsonb from stored_events"
        states = {
            stream: connection.execute(f"{select} where originator_id = %s", [stream]).fetchone()
            for stream in (C1, C2)
        }
        first, second = (row[0] if row else {} for row in (states[C1], states[C2]))
        changed = {
            "moved": first["personal"],
            "altered": altered(second["personal"], -1),
            "of another key": altered(second["personal"], 3),
            "of another form": altered(second["personal"], 0),
            "cut": second["personal"][:12],
        }[how]
        connection.execute(
            "update stored_events set state = convert_to(%s::jsonb::text, 'utf8')"
            " where originator_id = %s",
            [Jsonb({**second, "personal": changed}), C2],
        )
        connection.execute("alter table stored_events enable trigger all")


HOW = ["moved", "altered", "of another key", "of another form", "cut"]


@pytest.mark.parametrize("how", first_is_quick(HOW))
async def test_it_is_refused_on_opening_and_named_by_verify(database_url: str, how: str) -> None:
    async with serving(database_url) as service:
        first, second = (
            posted(key, body=body) for key, body in zip(("c1", "c2"), SECRETS, strict=True)
        )
        await service.given(opened(), first, second)
        await service.app.wait(3, 60)
        tamper(database_url, how)
        before = await service.app.verify()
        assert {(it.view, it.key) for it in before} == {("comments", str(C2)), ("log", "3")}
        await service.app.rebuild()
        (difference,) = await service.app.verify()
        assert str(difference).startswith("log: stored_events 3: words ")
        await _assert_shown_nowhere(service)
        edit = event("comment.edited", comment="c2", body="x")
        assert (await service.batch([edit]))[0]["problem"]["type"] == "/problems/comment-erased"


async def _assert_shown_nowhere(service: Service) -> None:
    moderator = token("moderate", site="gazette", person="mia")
    asked = [
        (f"/v1/discussions/{DISCUSSION}/comments", None),
        (f"/v1/comments/{C2}", None),
        (f"/v1/comments/{C2}/history", moderator),
        ("/v1/events", token()),
    ]
    for path, bearer in asked:
        answer = await service.get(path, token=bearer)
        assert answer.status == 200
        assert SECRETS[1] not in answer.body.decode()
        assert (SECRETS[0] in answer.body.decode()) == (str(C2) not in path)
    page = (await service.get(f"/v1/discussions/{DISCUSSION}/comments")).json
    bodies = {comment["key"]: comment["body"] for comment in page["comments"]}
    assert bodies == {"c1": SECRETS[0], "c2": None}


async def test_words_whose_key_is_lost_are_told_from_those_of_who_was_erased(
    database_url: str,
) -> None:
    async with serving(database_url) as service:
        erased = {**event("person.erased"), "data": {"site": "gazette", "person": "bob"}}
        bobs = posted("c2", author={"id": "bob", "name": "Bob"})
        await service.given(opened(), posted("c1"), bobs, erased)
        await service.app.wait(4, 60)
        assert await service.app.verify() == []
        with psycopg.connect(database_url) as connection:
            connection.execute("delete from rostra_keys.person_keys")
        service.app.ring.receive(None)
        (difference,) = await service.app.verify()
        assert str(difference) == (
            "log: stored_events 2: words without their key, not those of a comment.posted"
        )


def test_erased_and_damaged_are_two_things() -> None:
    assert not issubclass(Erased, Damaged)
    assert not issubclass(Damaged, Erased)
