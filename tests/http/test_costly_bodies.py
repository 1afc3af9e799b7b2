"""Bodies that are costly to render, and who pays for them."""

import time

import pytest

from rostra import ids
from rostra_adapters.application.queries.renderings import Markdown
from support.cases import first_is_quick
from support.service import PLACE, Service, opened, posted, serving

DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])
BODIES = 50
CHARACTERS = 16_000
TIMES_PLAIN_MAX = 5


async def _seconds_of_the_loop(text: str) -> float:
    """Processor time of this process, in which the loop runs, for the first look at a page."""
    body = (text * CHARACTERS)[:CHARACTERS]
    async with serving() as service:
        await service.given(
            opened(), *(posted(f"c{n}", body=f"{n:03} {body}"[:CHARACTERS]) for n in range(BODIES))
        )
        began = time.process_time()
        page = await service.get(f"/v1/discussions/{DISCUSSION}/comments", limit=BODIES)
        took = time.process_time() - began
        assert len(page.json["comments"]) == BODIES
        assert all(comment["html"] for comment in page.json["comments"])
    return took


@pytest.mark.parametrize("text", first_is_quick(["![", "*[", "[", "*a "]))
async def test_hostile_bodies_cost_the_loop_little_more_than_plain_ones(text: str) -> None:
    plain = min([await _seconds_of_the_loop("It is a plain remark. ") for _ in range(2)])
    assert await _seconds_of_the_loop(text) < TIMES_PLAIN_MAX * plain


async def test_words_erased_while_their_page_was_rendered_are_not_shown(service: Service) -> None:
    body = "secret words " * 1_000
    await service.given(opened(), posted("c1", body=body))
    renderings = service.app.renderings
    original = renderings._elsewhere

    async def erased_meanwhile(bodies: list[Markdown]) -> dict[Markdown, str] | None:
        owner = ids.person_id(PLACE["site"], "ann")
        await service.app.ring.destroy({owner: 1})
        return await original(bodies)

    renderings._elsewhere = erased_meanwhile  # type: ignore[method-assign]
    page = await service.get(f"/v1/discussions/{DISCUSSION}/comments")
    assert page.json["comments"][0]["body"] is None
    assert b"secret" not in page.body
