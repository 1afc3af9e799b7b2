"""The page that the tutorial has its readers write, in a browser."""

import asyncio
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.async_api import Browser, expect

from rostra_adapters.http import HttpSettings
from support.pages import shown_file
from support.service import SECRET, opened, posted, serving


async def test_the_page_of_the_tutorial_shows_the_discussion(
    browser: Browser, tmp_path: Path
) -> None:
    place = {"site": "news", "resource": "/tea"}
    async with serving(settings=HttpSettings(secret=SECRET)) as service:
        await service.given(opened(**place), posted(**place, body="It *is*."))
        page = shown_file("docs/tutorial/first-discussion.md", "page.html")
        (tmp_path / "page.html").write_text(page.replace("http://127.0.0.1:8080", service.url))
        handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            try:
                shown = await browser.new_page()
                await shown.goto(f"http://127.0.0.1:{server.server_port}/page.html")
                await expect(shown.locator("rostra-discussion article")).to_contain_text("It is.")
                await shown.close()
            finally:
                await asyncio.to_thread(server.shutdown)
                thread.join()
