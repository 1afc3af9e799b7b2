"""The passages of an article as annotations of the W3C model."""

from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.http.application import make_app
from rostra_adapters.http.settings import HttpSettings
from rostra_projections.responses.annotations import iri
from support.article_publishing import ARTICLE, RESOURCE, SITE, WORDS, event, given, marked, revised


def serving(app: App) -> TestClient[web.Request, web.Application]:
    return TestClient(TestServer(make_app(app, HttpSettings(secret="s" * 32))))


DISCUSSION = ids.discussion_id(SITE, RESOURCE)
CONTEXT = "http://www.w3.org/ns/anno.jsonld"
MOTIVATIONS = {"questioning", "commenting"}


async def test_each_passage_is_an_annotation(memory_app: App) -> None:
    await given(
        memory_app,
        event("discussion.opened", url="https://gazette.example/ferry"),
        revised("r1", ARTICLE),
        marked("asked", WORDS, question="Was *he* right?"),
        marked("gone", "the engines ordered astern", prefix="then "),
    )
    async with TestClient(
        TestServer(make_app(memory_app, HttpSettings(secret="s" * 32)))
    ) as client:
        path = f"/v1/discussions/{DISCUSSION}/passages"
        answer = await client.get(path, params={"format": "annotation"})
        page = msgspec.json.decode(await answer.read())
        assert answer.headers["Content-Type"] == f'application/ld+json;profile="{CONTEXT}"'
        plain = await client.get(path)
        assert plain.headers["Content-Type"].startswith("application/json")
        assert (await client.get(path, params={"format": "pdf"})).status == 400
        unknown = f"/v1/discussions/{ids.discussion_id(SITE, '/none')}/passages"
        assert (await client.get(unknown, params={"format": "annotation"})).status == 404
    check_page(page, total=2)
    asked, gone = page["items"]
    assert asked["id"] == f"urn:uuid:{ids.passage_id(DISCUSSION, 'asked')}"
    assert asked["motivation"] == "questioning"
    assert asked["body"]["value"] == "Was *he* right?"
    assert asked["target"]["source"] == "https://gazette.example/ferry"
    quote, position = asked["target"]["selector"]
    assert ARTICLE[position["start"] : position["end"]] == quote["exact"] == WORDS
    assert ARTICLE[: position["start"]].endswith(quote["prefix"])
    assert ARTICLE[position["end"] :].startswith(quote["suffix"])
    assert "body" not in gone
    assert gone["target"]["selector"] == [
        {"type": "TextQuoteSelector", "exact": "the engines ordered astern", "prefix": "then "}
    ]


async def test_an_article_without_passages_is_an_empty_page(memory_app: App) -> None:
    await given(memory_app, event("discussion.opened"))
    async with TestClient(
        TestServer(make_app(memory_app, HttpSettings(secret="s" * 32)))
    ) as client:
        answer = await client.get(f"/v1/discussions/{DISCUSSION}/passages?format=annotation")
        check_page(msgspec.json.decode(await answer.read()), total=0)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("/2026/été", "/2026/été"),
        ("an article <1>", "an%20article%20%3C1%3E"),
        ("https://a.example/x?y=z#f", "https://a.example/x?y=z#f"),
    ],
)
def test_a_source_is_an_iri(name: str, reference: str) -> None:
    assert iri(name) == reference


def check_page(page: dict[str, Any], *, total: int) -> None:
    """The musts of the model's sections 3.1 to 3.3, 4.2 and 5.2 that concern what we give."""
    assert page["@context"] == CONTEXT
    assert page["type"] == "AnnotationPage"
    assert urlsplit(page["id"]).scheme
    assert page["partOf"]["type"] == "AnnotationCollection"
    assert urlsplit(page["partOf"]["id"]).scheme
    assert page["partOf"]["total"] == len(page["items"]) == total
    assert page["startIndex"] == 0
    for annotation in page["items"]:
        check_annotation(annotation)
    assert len({annotation["id"] for annotation in page["items"]}) == total


def check_annotation(annotation: dict[str, Any]) -> None:
    assert annotation["@context"] == CONTEXT
    assert annotation["type"] == "Annotation"
    assert urlsplit(annotation["id"]).scheme
    assert annotation["motivation"] in MOTIVATIONS
    assert annotation["target"]["source"]
    quote, *position = annotation["target"]["selector"]
    assert quote["type"] == "TextQuoteSelector"
    assert quote["exact"]
    for selector in position:
        assert selector["type"] == "TextPositionSelector"
        assert 0 <= selector["start"] <= selector["end"]
    if "body" in annotation:
        assert annotation["body"]["type"] == "TextualBody"
        assert isinstance(annotation["body"]["value"], str)
