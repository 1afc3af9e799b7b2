"""A discussion of thousands of comments in a real browser: how soon its first comments are
shown, and whether scrolling through it ever blocks.

    python infra/load/reader.py --comments 5000

Starts a `rostra serve --demo` of its own on a passing data folder, publishes the comments, and
measures with the browser's own clock and long-task entries: the first comments, then scrolling
with a few pages of them, and with all of them on the page. Needs Debian's `chromium`. Ends with
1 where a limit is passed.
"""

import argparse
import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import msgspec
from playwright.async_api import Browser, Page, async_playwright

from rostra_adapters.client.publisher import Publisher

FIRST_MS_MAX = 300
BLOCKED_MS_MAX = 50
ROSTRA = ("-c", "from rostra_adapters.cli import main; main()")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
SERVED_SECONDS_MAX = 120.0
PAGES_FEW = 6
WHEELS = 200
JUMPS = 40
TOP = "rostra-discussion section .list > li"
VOTED = 0.4
"""Share of the comments that is voted on, and share that is answered."""

_WATCH = """
window.tasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.tasks.push(entry.duration);
}).observe({ type: "longtask", buffered: true });
const look = () => {
  const shown = document.querySelector("rostra-discussion")?.shadowRoot?.querySelector("article");
  if (shown) {
    window.first = performance.now();
    console.info("first comments");
  } else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
_GROWN = """(before) => document.querySelector("rostra-discussion").shadowRoot
  .querySelectorAll("section .list > li").length > before"""
_PRESS = """() => {
  const root = document.querySelector("rostra-discussion").shadowRoot;
  const more = root.querySelector("section .more");
  if (more.hidden) return null;
  more.click();
  return root.querySelectorAll("section .list > li").length;
}"""
_IDLE = "new Promise((done) => requestIdleCallback(() => setTimeout(done, 200)))"
_STARTED = """
performance.getEntriesByType("resource").find((it) => it.name.endsWith("/embed/rostra.js"))
  .startTime"""
_NAMES = """
[...document.querySelectorAll("rostra-discussion")].map((it) => [
  it.getAttribute("site"), it.getAttribute("resource")])[0]"""


@asynccontextmanager
async def served(data: Path) -> AsyncIterator[str]:
    """The URL of a service that ends with this."""
    with TemporaryFile() as complaints:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *ROSTRA,
            *("serve", "--demo", "--data", str(data), "--port", "0", "--reader-rate", "off"),
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
        )
        try:
            assert process.stdout is not None
            said = await asyncio.wait_for(process.stdout.readline(), SERVED_SECONDS_MAX)
            yield said.decode().split()[-1]
        finally:
            process.terminate()
            await process.wait()


async def token(data: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *ROSTRA,
        *("token", "--scope", "publish", "--data", str(data)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return output.decode().split()[-1]


def comments(count: int, site: str, resource: str) -> Iterator[bytes]:
    """Lines of CloudEvents: comments, answers to some of them, votes on some."""
    for number in range(count):
        said = f"Number {number}: what happened on the line last night, and *who* said so. " * 3
        about: dict[str, Any] = {"comment": f"many-{number}", "body": said}
        about["author"] = {"id": f"reader-{number % 400}", "name": f"Reader {number % 400}"}
        if 0 < number % 10 < VOTED * 10:
            about["parent"] = f"many-{number - number % 10}"
        yield _event(f"c{number}", "comment.posted", site, resource, about)
        if number % 10 < VOTED * 10:
            vote = {"comment": f"many-{number}", "voter": f"voter-{number % 90}", "value": 1}
            yield _event(f"v{number}", "vote.cast", site, resource, vote)


def _event(name: str, kind: str, site: str, resource: str, about: dict[str, Any]) -> bytes:
    event = {"specversion": "1.0", "id": name, "source": "urn:load:reader", "type": kind}
    return msgspec.json.encode(event | {"data": {"site": site, "resource": resource, **about}})


async def opened(browser: Browser, url: str) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.add_init_script(_WATCH)
    # Told by the page: whoever asks it again and again has it lay out and compile meanwhile.
    async with page.expect_console_message(lambda said: said.text == "first comments"):
        await page.goto(f"{url}/demo", wait_until="commit")
    return page


async def first_ms(browser: Browser, url: str) -> float:
    """Return the milliseconds from the script's start to the first comment, with an empty cache."""
    page = await opened(browser, url)
    shown = await page.evaluate("window.first") - await page.evaluate(_STARTED)
    await page.context.close()
    return float(shown)


async def longest_ms(browser: Browser, url: str, pages: int) -> tuple[int, float, float]:
    """Press "Load more" `pages` times. Return the number of comments, and the longest blocked
    times in milliseconds: of scrolling, and of loading.
    """
    page = await opened(browser, url)
    for _ in range(pages):
        before = await page.evaluate(_PRESS)
        if before is None:
            break
        while not await page.evaluate(_GROWN, before):
            await page.evaluate("new Promise(requestAnimationFrame)")
    loading = max(await page.evaluate("window.tasks"), default=0.0)
    await page.evaluate("scrollTo(0, 0)")
    await page.evaluate(_IDLE)
    await page.evaluate("window.tasks.length = 0")
    await page.mouse.move(300, 300)
    for _ in range(WHEELS):
        await page.mouse.wheel(0, 500)
        await page.evaluate("new Promise(requestAnimationFrame)")
    for part in range(JUMPS):  # by the scroll bar, far and back
        height = f"document.documentElement.scrollHeight * {(part * 7 % JUMPS) / JUMPS}"
        await page.evaluate(f"scrollTo(0, {height})")
        await page.evaluate("new Promise(requestAnimationFrame)")
    await page.evaluate(_IDLE)
    articles = await page.locator(f"{TOP} article").count()
    scrolling = max(await page.evaluate("window.tasks"), default=0.0)
    await page.context.close()
    return articles, float(scrolling), float(loading)


async def run(count: int, rounds: int, chromium: str) -> bool:
    """Measure, print, and say whether the limits were kept."""
    with TemporaryDirectory() as folder:
        data = Path(folder)
        async with served(data) as url, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            page = await opened(browser, url)
            site, resource = await page.evaluate(_NAMES)
            await page.context.close()
            publisher = Publisher(url, await token(data))
            print(await publisher.publish(comments(count, site, resource)))
            firsts = [await first_ms(browser, url) for _ in range(rounds)]
            measured = [await longest_ms(browser, url, pages) for pages in (PAGES_FEW, count)]
            await browser.close()
    print(f"first comments after the script's start: {', '.join(f'{it:.0f}' for it in firsts)} ms")
    for articles, scrolling, loading in measured:
        print(
            f"{articles} comments on the page: the longest task {scrolling:.0f} ms while scrolling,"
            f" {loading:.0f} ms while they came (0: none of 50 ms or more)"
        )
    smooth = all(scrolling <= BLOCKED_MS_MAX for _, scrolling, _ in measured)
    return median(firsts) <= FIRST_MS_MAX and smooth


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--comments", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args()
    if options.chromium is None:
        sys.exit("no browser: install chromium, or name one with --chromium")
    sys.exit(not asyncio.run(run(options.comments, options.rounds, options.chromium)))


if __name__ == "__main__":
    main()
