"""The domain inside a stock `eventsourcing` application, on its own persistence."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import (
    IntegrityError,
    JSONTranscoder,
    MapperDeserialisationError,
    StoredEvent,
)

from rostra import comment as comments
from rostra import discussion, vote
from rostra.commands import CastVote, EditComment, OpenDiscussion, PostComment
from rostra.events import CommandContext, Words
from rostra.mapper import Aggregate, Mapper, StreamEvent, Unknown, decide_and_save, read
from rostra.refusals import Refusal
from rostra.sealing import Erased
from rostra.settings import rules
from rostra.site import INITIAL as NO_SITE
from support.examples import DISCUSSION, RESOURCE, SITE, act, at, command, comment, person, vote_on
from support.memory import MemoryRing

MAPPER: dict[str, str] = {"MAPPER_TOPIC": "rostra.mapper:Mapper"}


class Talk(Application[UUID]):
    """What a developer writes: the domain decides, the stock library stores."""

    env = MAPPER

    def open(self, command: OpenDiscussion, act: CommandContext) -> None:
        decide_and_save(self, command.discussion, lambda it: discussion.open_(it, command, act))

    def post(self, command: PostComment, act: CommandContext) -> UUID:
        about = self._discussion(command)
        parent = command.parent_comment
        around = comments.Surroundings(
            discussion=about,
            rules=rules(NO_SITE.settings, about.settings),
            author=read(self, command.person(command.author.id)).state,
            parent_id=parent,
            parent=read(self, parent).state if parent else None,
        )
        stream = command.target(act.source, act.id)
        decide_and_save(self, stream, lambda _: comments.post(command, act, around))
        return stream

    def vote(self, command: CastVote, act: CommandContext) -> None:
        about = read(self, command.target).state
        held = rules(NO_SITE.settings, self._discussion(command).settings)
        decide_and_save(self, command.vote, lambda it: vote.cast(it, command, act, about, held))

    def _discussion(self, command: PostComment | CastVote) -> discussion.Discussion:
        about: discussion.Discussion = read(self, command.discussion).state
        discussion.check(about, command)
        return about


@pytest.fixture(params=["memory", "sqlite", "sqlite, cached"])
def talk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Talk]:
    env = {}
    if request.param != "memory":
        env = {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(tmp_path / "talk.sqlite"),
        }
    if request.param == "sqlite, cached":
        env["AGGREGATE_CACHE_MAXSIZE"] = "10"
    with Talk(env) as application:
        yield application


OPEN = cast(OpenDiscussion, command("discussion.opened", title="Trams"))


def posting(key: str = "c1", **data: Any) -> PostComment:
    author = {"id": "ann", "name": "Ann"}
    return cast(
        PostComment, command("comment.posted", comment=key, author=author, body="Yes.", **data)
    )


def voting(value: int, voter: str = "bob") -> CastVote:
    return cast(CastVote, command("vote.cast", comment="c1", voter=voter, value=value))


def test_a_conversation_in_a_stock_application(talk: Talk) -> None:
    talk.open(OPEN, act(0))
    talk.post(posting(), act(1))
    reply = talk.post(posting("c2", parent="c1"), act(2))
    talk.vote(voting(1), act(3))
    talk.vote(voting(-1), act(5))
    talk.vote(voting(1), act(4))  # older: changes nothing
    assert read(talk, DISCUSSION).state.title == "Trams"
    assert read(talk, reply).state.posted.path == (comment("c1"),)
    standing = read(talk, vote_on())
    assert (standing.version, standing.state.effect) == (2, -1)
    with pytest.raises(Refusal, match="self-vote"):
        talk.vote(voting(1, voter="ann"), act(6))
    assert [it.topic for it in talk.notification_log.select(1, 10)] == [
        "discussion.opened",
        *["comment.posted"] * 2,
        *["vote.cast"] * 2,
    ]


def test_a_stock_repository_rebuilds_a_stream_also_as_it_was(talk: Talk) -> None:
    talk.open(OPEN, act(0))
    talk.post(posting(), act(1))
    talk.vote(voting(1), act(3))
    talk.vote(voting(-1), act(5))
    was = cast(Aggregate, talk.repository.get(vote_on(), version=1))
    assert was.state.effect == 1
    assert comment("c9") not in talk.repository
    assert read(talk, comment("c9")).version == 0


def test_what_is_stored_is_our_tag_and_our_json(talk: Talk) -> None:
    talk.open(OPEN, act(0))
    (stored,) = talk.recorder.select_events(DISCUSSION)
    time = at(0)
    assert (stored.topic, stored.originator_version) == ("discussion.opened", 1)
    assert stored.state.decode() == (
        f'{{"time":"{time}","site":"{SITE}","resource":"{RESOURCE}","title":"Trams"}}'
    )


def test_a_tag_that_is_not_ours_comes_back_as_it_is_and_is_never_imported(talk: Talk) -> None:
    talk.open(OPEN, act(0))
    foreign = StoredEvent(DISCUSSION, 2, "antigravity:fly", b"\x00not json")
    talk.recorder.insert_events([foreign])
    *_, found = talk.events.get(DISCUSSION)
    assert isinstance(found, StreamEvent)
    assert found.payload == Unknown("antigravity:fly", b"\x00not json")
    assert talk.mapper.to_stored_event(found) == foreign
    standing = read(talk, DISCUSSION)
    assert (standing.version, standing.state.title) == (2, "Trams")
    talk.open(cast(OpenDiscussion, command("discussion.opened", title="Buses")), act(3))
    assert read(talk, DISCUSSION).version == 3


def test_an_unknown_event_counts_in_the_version_of_a_state(talk: Talk) -> None:
    talk.open(OPEN, act(0))
    posted = talk.post(posting(), act(1))
    talk.recorder.insert_events([StoredEvent(posted, 2, "antigravity:fly", b"\x00not json")])
    found = read(talk, posted)
    assert (found.version, found.state.version, found.state.words_version) == (2, 2, 1)


def test_a_decision_upon_a_stale_reading_is_taken_again(talk: Talk) -> None:
    talk.open(OPEN, act(0))
    talk.post(posting(), act(1))
    calls = []

    def edit(state: comments.Comment) -> list[comments.WordingEvent]:
        calls.append(state)
        if len(calls) == 1:  # another writer comes first
            other = command("comment.pinned", comment="c1")
            decide_and_save(talk, comment("c1"), lambda it: comments.pin(it, other, act(2)))  # type: ignore[arg-type]
        asked = cast(EditComment, command("comment.edited", comment="c1", body="No."))
        return comments.edit(state, asked, act(3), None)

    decide_and_save(talk, comment("c1"), edit)
    assert [it.pinned for it in calls] == [False, True]
    assert read(talk, comment("c1")).state.words == Words(body="No.")


def test_a_writer_that_is_always_too_late_is_told(talk: Talk) -> None:
    talk.open(OPEN, act(0))

    def never(_: discussion.Discussion) -> list[discussion.DiscussionClosed]:
        version = read(talk, DISCUSSION).version
        talk.save(StreamEvent(DISCUSSION, version + 1, discussion.DiscussionClosed(time=at(1))))
        return [discussion.DiscussionClosed(time=at(2))]

    with pytest.raises(IntegrityError):
        decide_and_save(talk, DISCUSSION, never)


# -- words


def test_words_are_plain_json_in_a_database_of_ones_own(talk: Talk) -> None:
    talk.open(OPEN, act(0))
    talk.post(posting(), act(1))
    (stored,) = talk.recorder.select_events(comment("c1"))
    assert b'"personal":{"name":"Ann","body":"Yes."}' in stored.state
    (found,) = talk.events.get(comment("c1"))
    assert isinstance(found, StreamEvent)
    assert mapper_of(talk).words(found, SITE) == Words(name="Ann", body="Yes.")


def mapper_of(talk: Talk) -> Mapper:
    assert isinstance(talk.mapper, Mapper)
    return talk.mapper


def sealing(ring: MemoryRing) -> Mapper:
    return Mapper(JSONTranscoder(), cipher=ring)  # type: ignore[arg-type]


POSTED = comments.CommentPosted(
    time=at(1), author="ann", status="published", personal=Words(body="Yes.")
)


def test_with_a_key_ring_words_are_sealed_as_in_rostras_own_log() -> None:
    ring = MemoryRing()
    asyncio.run(ring.make([person("ann")]))
    mapper = sealing(ring)
    stored = mapper.to_stored_event(StreamEvent(comment("c1"), 1, POSTED, SITE))
    assert b"Yes." not in stored.state
    found = mapper.to_domain_event(stored)
    assert isinstance(getattr(found.payload, "personal", None), bytes)
    assert mapper.words(found, SITE) == Words(body="Yes.")
    asyncio.run(ring.destroy({person("ann"): 1}))
    with pytest.raises(Erased):
        mapper.words(found, SITE)


def test_with_a_key_ring_plain_words_are_never_stored() -> None:
    with pytest.raises(ValueError, match="name the site"):
        sealing(MemoryRing()).to_stored_event(StreamEvent(comment("c1"), 1, POSTED))
    with pytest.raises(LookupError):
        sealing(MemoryRing()).to_stored_event(StreamEvent(comment("c1"), 1, POSTED, SITE))


def test_a_stock_compressor_is_respected() -> None:
    with Talk({"COMPRESSOR_TOPIC": "zlib"}) as talk:
        talk.open(OPEN, act(0))
        (stored,) = talk.recorder.select_events(DISCUSSION)
        assert not stored.state.startswith(b"{")
        assert read(talk, DISCUSSION).state.title == "Trams"


def test_a_damaged_payload_is_named() -> None:
    stored = StoredEvent(comment("c1"), 4, "comment.posted", b"{}")
    with pytest.raises(MapperDeserialisationError, match=r"comment\.posted of .*, version 4"):
        Mapper(JSONTranscoder()).to_domain_event(stored)


def test_only_stream_events_are_stored() -> None:
    with pytest.raises(TypeError, match="not a StreamEvent"):
        Mapper(JSONTranscoder()).to_stored_event(POSTED)  # type: ignore[arg-type]


def test_a_sqlite_file_is_read_by_a_person(tmp_path: Path) -> None:
    file = tmp_path / "talk.sqlite"
    env = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(file)}
    with Talk(env) as talk:
        talk.open(OPEN, act(0))
    with sqlite3.connect(file) as database:
        found = database.execute(
            "select topic, json_extract(cast(state as text), '$.title') from stored_events"
        ).fetchall()
    database.close()
    assert found == [("discussion.opened", "Trams")]


def test_importing_rostra_imports_no_driver() -> None:
    program = (
        "import sys, rostra, rostra.deciding.handle, rostra.mapper\n"
        "drivers = {'aiohttp', 'asyncpg', 'cryptography', 'psycopg', 'sqlite3', 'rostra_adapters',"
        " 'rostra_projections'}\n"
        "sys.exit(', '.join(drivers & set(sys.modules)) or 0)"
    )
    # Coverage, which would follow, imports sqlite3.
    kept = {name: it for name, it in os.environ.items() if not name.startswith("COVERAGE_")}
    subprocess.run([sys.executable, "-c", program], check=True, env=kept)
