"""`/docs` and `/` of a running service."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from reference.record_examples import recorded
from rostra.commands import COMMANDS
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.openapi.page import OTHERS, TOPICS, recorded_examples, topics
from support.service import SECRET, Service, serving


class Anchors(HTMLParser):
    """Ids and links of a page, and elements that would load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loading: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if named := given.get("id"):
            self.ids.append(named)
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag in ("script", "link", "img", "iframe", "base"):
            self.loading.append(tag)


@pytest.fixture
async def page() -> str:
    async with serving() as service:
        return (await service.ask("GET", "/docs")).body.decode()


async def document(service: Service) -> Any:
    return (await service.ask("GET", "/openapi.json")).json


async def test_every_link_leads_somewhere_and_nothing_is_loaded(page: str) -> None:
    anchors = Anchors(page)
    inside = {link[1:] for link in anchors.links if link.startswith("#")}
    assert inside <= set(anchors.ids)
    assert len(set(anchors.ids)) == len(anchors.ids)
    assert {link for link in anchors.links if not link.startswith("#")} == {
        "openapi.json",
        "problems",
    }
    assert anchors.loading == []


async def test_event_types_come_first_and_each_has_an_example(page: str) -> None:
    assert page.index('id="event-types"') < page.index(f'id="{"publish-and-follow"}"')
    for name in COMMANDS:
        assert f'href="#event-{name}"' in page
        assert f"&quot;type&quot;: &quot;{name}&quot;" in page or f'"type": "{name}"' in page


async def test_every_operation_has_one_topic() -> None:
    async with serving() as service:
        paths = (await document(service))["paths"]
    there = {f"{method} {path}" for path, methods in paths.items() for method in methods}
    named = [name for topic in TOPICS.values() for name in topic.operations]
    assert OTHERS not in [title for title, _, _ in topics(paths)]
    assert sorted(named) == sorted(there)


async def test_every_operation_that_answers_json_has_an_example_that_fits() -> None:
    async with serving() as service:
        found = await document(service)
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            name = f"{method} {path}"
            answers = operation["responses"].items()
            media = {kind for _, one in answers for kind in one.get("content", {})}
            if "json" in str(media - {"application/problem+json"}) and path != "/openapi.json":
                assert name in recorded_examples(), name
    for name, example in recorded_examples().items():
        method, _, path = name.partition(" ")
        told = found["paths"][path][method]["responses"][str(example["status"])]
        schemas = [one["schema"] for one in told["content"].values() if "schema" in one]
        if "json" in example and schemas:
            _fits(found, {"anyOf": schemas}, example["json"])


def _fits(document: Any, schema: Any, value: Any) -> None:
    dialect = "https://json-schema.org/draft/2020-12/schema"
    registry: Registry[Any] = Registry().with_resource(
        "urn:document", Resource.from_contents({**document, "$schema": dialect})
    )
    text = json.dumps(schema).replace('"#/', '"urn:document#/')
    Draft202012Validator(json.loads(text), registry=registry).validate(value)


async def test_the_examples_are_what_a_service_answers() -> None:
    """Run `python infra/reference/record_examples.py` where it answers something else."""
    now = await recorded()
    assert now.keys() == recorded_examples().keys()
    for name, example in recorded_examples().items():
        assert _without_chance(now[name]) == _without_chance(example), name


CHANCE = (
    r"\d{4}-\d\d-\d\dT[\d:.]+Z",  # a time
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"guest:[0-9a-f]+",
    r"W[\w-]{40,}",  # a cursor, which names the log
)


def _without_chance(value: Any) -> str:
    return re.sub("|".join(CHANCE), "…", json.dumps(value))


@pytest.mark.parametrize("demo", [False, True])
async def test_the_first_page_has_links_that_work(demo: bool) -> None:  # noqa: FBT001
    async with serving(settings=HttpSettings(secret=SECRET, demo=demo)) as service:
        answer = await service.ask("GET", "/")
        assert answer.media_type == "text/html"
        links = Anchors(answer.body.decode()).links
        assert ("demo" in links) == demo
        for link in links:
            assert (await service.ask("GET", f"/{link}")).status == 200
