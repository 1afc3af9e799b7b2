"""An article under discussion, published and read as an embedder does it."""

from itertools import count
from typing import Any

from rostra.deciding.handle import Outcome
from rostra_adapters.application.app import App
from rostra_projections.responses.shapes import PassageShape

SITE, RESOURCE = "gazette", "/ferry"
PLACE = {"site": SITE, "resource": RESOURCE}
ARTICLE = (
    "The ferry left the harbour at dawn, loaded with timber and mail. Nobody on the quay waved. "
    "By noon the wind had turned, and the captain ordered the sails reefed. The passengers, "
    "nine of them, gathered below and shared what bread there was. When night came they saw "
    "a light to the north, and steered towards it until the ice stopped them."
)
WORDS = "the captain ordered the sails reefed"

_ids = count(1)


def event(kind: str, **data: Any) -> dict[str, Any]:
    """A CloudEvent about our article; `id`, `time`, `resource` may be given."""
    envelope: dict[str, Any] = {name: data.pop(name) for name in ("id", "time") if name in data}
    return {
        "specversion": "1.0",
        "source": "urn:cms",
        "id": f"e{next(_ids)}",
        "type": kind,
        "data": {**PLACE, **data},
        **envelope,
    }


def opened() -> dict[str, Any]:
    return event("discussion.opened")


def revised(revision: str, text: str, **more: Any) -> dict[str, Any]:
    return event("article.revised", revision=revision, text=text, **more)


def marked(key: str, exact: str, **more: Any) -> dict[str, Any]:
    return event("passage.marked", passage=key, exact=exact, **more)


async def given(app: App, *events: dict[str, Any]) -> list[Outcome]:
    """All of them are recorded."""
    outcomes = await app.publish(events)
    assert [one.status for one in outcomes] == ["recorded"] * len(events), outcomes
    return outcomes


async def passages(app: App) -> dict[str | None, PassageShape]:
    """By key, once the views have read all there is."""
    page = await app.passages(SITE, RESOURCE, min_position=await app.head())
    assert page is not None
    return {passage.key: passage for passage in page.passages}


async def places(app: App) -> dict[str | None, tuple[str, int | None, int | None]]:
    """Of each passage its state, start and end."""
    found = await passages(app)
    return {key: (one.state, one.start, one.end) for key, one in found.items()}
