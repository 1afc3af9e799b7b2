"""The review services of the page decide as their backends say."""

import json
import sys
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from support.pages import shown_file
from support.service import event, opened
from support.webhooks import Hooked, Reviewed

PAGE = "docs/how-to/review.md"


class Backend:
    """A backend that keeps what it is asked, and answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer: web.Response | None = None

    async def handle(self, request: web.Request) -> web.Response:
        is_json = request.content_type == "application/json"
        self.asked.append(await request.json() if is_json else dict(await request.post()))
        assert self.answer is not None
        return self.answer


@pytest.fixture
async def backend(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Backend]:
    made, application = Backend(), web.Application()
    application.router.add_post("/", made.handle)
    async with TestServer(application) as server:
        url = str(server.make_url("/"))
        given = {"AKISMET_URL": url, "AKISMET_KEY": "k", "AKISMET_BLOG": "https://b.example"}
        for name, value in {**given, "MODEL_URL": url}.items():
            monkeypatch.setenv(name, value)
        yield made


def shown_module(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a file of the page as a module."""
    module = ModuleType(name)
    exec(compile(shown_file(PAGE, f"{name}.py"), name, "exec"), vars(module))
    monkeypatch.setitem(sys.modules, name, module)
    return module


async def decided(
    hooked: Hooked,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    answers: list[web.Response],
    backend: Backend,
) -> list[str]:
    """Return the status of a comment for each answer of the backend."""
    review = shown_module("review", monkeypatch)
    module = shown_module(name, monkeypatch)
    async with TestServer(review.application(module.decide)) as server:
        _, secret = await hooked.add(kind="review", url="")
        monkeypatch.setenv("REVIEW_SECRET", secret)
        settings = {"review": {"url": str(server.make_url("/review"))}}
        await hooked.service.given(event("site.configured", settings=settings), opened())
        reviewed = Reviewed(hooked, secret)
        found = []
        for answer in answers:
            backend.answer = answer
            comment = await reviewed.comment("Buy tea!")
            await hooked.deliver()
            found.append(await reviewed.status(comment))
        return found


async def test_akismet(
    hooked: Hooked,
    monkeypatch: pytest.MonkeyPatch,
    backend: Backend,
) -> None:
    answers = [
        web.Response(text="false"),
        web.Response(text="true", headers={"X-akismet-pro-tip": "discard"}),
        web.Response(text="true"),
        web.Response(text="invalid"),
        web.Response(status=500),
    ]
    found = await decided(hooked, monkeypatch, "akismet", answers, backend)
    assert found == ["published", "rejected", "held", "held", "held"]
    assert backend.asked[0]["comment_content"] == "Buy tea!"
    assert backend.asked[0]["comment_author"] == "ann"


async def test_a_model(
    hooked: Hooked,
    monkeypatch: pytest.MonkeyPatch,
    backend: Backend,
) -> None:
    contents = [
        json.dumps({"decision": decision, "reason": "so"})
        for decision in ("publish", "reject", "hold", "love it")
    ]
    answers = [
        web.json_response({"message": {"content": content}}) for content in [*contents, "no JSON"]
    ]
    found = await decided(hooked, monkeypatch, "model", answers, backend)
    assert found == ["published", "rejected", "held", "held", "held"]
    assert json.loads(backend.asked[0]["messages"][1]["content"])["body"] == "Buy tea!"
