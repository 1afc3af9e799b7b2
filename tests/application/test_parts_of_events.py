"""Every type of event is covered where code asks an event for its words, actor or names."""

from pathlib import Path
from uuid import uuid4

import pytest

from rostra import codec
from rostra.codec import AnyEvent
from rostra.commands import FEED_TOPICS
from rostra.discussion import DiscussionAliased
from rostra.events import Words
from rostra.person import PersonDistrusted, PersonTrusted
from rostra_adapters.application.feed.data import data_of, required_names
from rostra_adapters.application.feed.names import Name, Names
from support.memory import MemoryLog

GOLDEN = Path(__file__).parents[1] / "domain" / "golden"
STREAM = uuid4()
every_topic = pytest.mark.parametrize("topic", sorted(codec.TYPES))


def example(topic: str) -> AnyEvent:
    event = codec.decode(topic, (GOLDEN / f"{topic}.json").read_bytes().strip())
    assert event is not None
    return event


@every_topic
def test_words_and_actors_are_found_in_every_type_that_has_them(topic: str) -> None:
    event = example(topic)
    fields = event.__struct_fields__

    assert codec.actor_of(event) == (event.by if "by" in fields else None)  # type: ignore[union-attr]
    personal = event.personal if "personal" in fields else None  # type: ignore[union-attr]
    assert codec.personal_of(event) == personal
    assert codec.plain_words(event) == (personal if isinstance(personal, Words) else None)
    assert codec.sealed_words(event) == (personal if isinstance(personal, bytes) else None)


@every_topic
def test_the_feed_has_data_of_every_type_that_is_published(topic: str) -> None:
    event = example(topic)
    names = {stream: Name("site", "resource", "key") for stream in required_names(STREAM, event)}

    data = data_of(STREAM, event, names)

    is_fed = codec.published_topic(topic) in FEED_TOPICS
    if isinstance(event, DiscussionAliased):
        is_fed = event.opened
    if isinstance(event, PersonTrusted):
        is_fed = event.is_published
    if isinstance(event, PersonDistrusted):
        is_fed = event.comment is None
    assert (data is not None) == is_fed
    if data is not None and "by" in event.__struct_fields__:
        assert data.get("by") == codec.actor_of(event)


@every_topic
async def test_names_are_learned_from_every_type_that_has_a_key_or_a_resource(topic: str) -> None:
    event = example(topic)
    names = Names(MemoryLog())

    names.learn(STREAM, event)

    fields = {"key", "resource"} & set(event.__struct_fields__)
    is_alias = topic == "discussion.aliased"  # its stream is no discussion of its own
    assert (STREAM in await names.of([STREAM])) == (bool(fields) and not is_alias)
