"""An article's plain text, as a page reads it: what the service makes of the same HTML."""

import json
from pathlib import Path

from playwright.async_api import Browser

from support.reader_pages import shown
from support.service import Service

VECTORS = Path(__file__).parents[1] / "domain/anchoring/vectors.json"


async def test_the_text_of_a_page_is_what_the_service_counts(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, bypass_csp=True)  # HTML is put in as a string
    entry = (await reader_service.ask("GET", "/embed/rostra.js")).body.decode()
    folder = entry.split('"./')[1].split("/")[0]
    for case in json.loads(VECTORS.read_text("utf-8"))["html"]:
        text = await page.evaluate(
            """async ([path, html]) => {
                const { textOf } = await import(path);
                const read = document.implementation.createHTMLDocument("");
                read.body.innerHTML = html;
                return textOf(read.body).points.join("");
            }""",
            [f"/embed/{folder}/passages.js", case["html"]],
        )
        assert text == case["text"], case["html"]
