"""Each type of event has a text and an example that a service records."""

import msgspec
import pytest

from reference.settings_text import RULES
from rostra.commands import COMMANDS, FEED_TOPICS, Command
from rostra.settings import Rules
from rostra_adapters.http.openapi.event_reference import EVENTS, FIELDS, examples
from rostra_adapters.http.openapi.schema_text import REFERENCE, Field, fields_of
from support.service import serving, token


async def test_published_in_order_every_example_is_recorded() -> None:
    events = list(examples())
    async with serving() as service:
        results = await service.batch(events)
        feed = await service.ask("GET", "/v1/events", token=token("feed"))
    assert [one["status"] for one in results] == ["recorded"] * len(events), results
    assert [one["type"] for one in feed.json] == [one for one in EVENTS if one in FEED_TOPICS]


def test_every_type_has_one() -> None:
    assert EVENTS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_field_is_described(name: str) -> None:
    fields = fields_of_command(COMMANDS[name])
    assert [one.path for one in fields if one.path not in FIELDS] == []
    assert {one.path for one in fields if "." not in one.path} == {
        field.encode_name for field in msgspec.structs.fields(COMMANDS[name])
    }


def test_no_field_is_described_that_does_not_exist() -> None:
    there = set()
    for command in COMMANDS.values():
        there |= {one.path for one in fields_of_command(command)}
    assert FIELDS.keys() == there


def test_every_setting_is_in_the_reference() -> None:
    assert RULES.keys() == set(Rules.__struct_fields__)


def fields_of_command(command: type[Command]) -> list[Field]:
    _, schemas = msgspec.json.schema_components([command], ref_template=REFERENCE + "{name}")
    return fields_of(schemas[command.__name__], schemas)
