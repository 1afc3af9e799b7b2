"""What takes long is done by other processes, which may be slow, be killed, or never be needed."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from bench import anchoring as bench
from rostra.anchoring.reanchor import Again, Place, anchor_again
from rostra.anchoring.search import Quote
from rostra.deciding.text_work import Prepared, PrepareText
from rostra.refusals import Refusal
from rostra_adapters.application.app import App
from rostra_adapters.application.articles.workers import AnchorJob, ArticleWorkers
from support.article_publishing import event, given, opened, passages, revised

TICK_SECONDS = 0.005
GAP_SECONDS_MAX = 0.5
LONG = "Some words that stand in it. " * 40_000

Processes = list[asyncio.subprocess.Process]


def processes(workers: ArticleWorkers) -> Processes:
    return [*workers._idle, *workers._busy]


async def busy(workers: ArticleWorkers) -> None:
    while not workers._busy:  # noqa: ASYNC110  # it tells nobody
        await asyncio.sleep(TICK_SECONDS)


async def test_none_is_started_before_there_is_something_to_do() -> None:
    workers = ArticleWorkers()
    assert processes(workers) == []
    prepared = await workers.do(PrepareText("a\r\nb", None), Prepared)
    assert prepared.text == "a\nb"
    (process,) = processes(workers)
    await workers.do(PrepareText("c", None), Prepared)
    assert processes(workers) == [process]
    await workers.close()
    assert process.returncode is not None


async def test_an_answer_is_what_the_function_gives() -> None:
    workers = ArticleWorkers()
    places = [Place(Quote("words that"), 5, 15), Place(Quote("nowhere to be found in this"))]
    job = AnchorJob(f"New. {LONG}", LONG, places)
    assert await workers.do(job, list[Again]) == anchor_again(job.text, places, LONG)
    with pytest.raises(Refusal, match="html-too-deep"):
        await workers.do(PrepareText(None, "<div>" * 20_000), Prepared)
    assert (await workers.do(PrepareText("b", None), Prepared)).text == "b"
    assert len(processes(workers)) == 1  # a refusal is an answer
    await workers.close()


async def test_a_worker_that_is_killed_is_replaced() -> None:
    workers = ArticleWorkers()
    await workers.do(PrepareText("a", None), Prepared)
    (idle,) = processes(workers)
    os.kill(idle.pid, signal.SIGKILL)
    assert (await workers.do(PrepareText("b", None), Prepared)).text == "b"
    (again,) = processes(workers)
    job = asyncio.create_task(workers.do(PrepareText(None, "<p>x</p>" * 100_000), Prepared))
    await busy(workers)
    os.kill(again.pid, signal.SIGKILL)
    assert len((await job).text) == 2 * 100_000 - 1
    await workers.close()


async def test_what_takes_too_long_is_refused_and_its_worker_ended() -> None:
    workers = ArticleWorkers(job_seconds_max=0.05)
    with pytest.raises(Refusal, match="article-too-hard"):
        await workers.do(PrepareText(None, "<p>x</p>" * 100_000), Prepared)
    assert processes(workers) == []
    await workers.close()


async def test_whoever_gives_up_takes_the_worker_with_them() -> None:
    workers = ArticleWorkers()
    job = asyncio.create_task(workers.do(PrepareText(None, "<p>x</p>" * 100_000), Prepared))
    await busy(workers)
    (process,) = processes(workers)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert process.returncode is not None
    assert processes(workers) == []


async def test_a_refused_revision_leaves_nothing_behind(memory_app: App) -> None:
    await given(memory_app, opened(), event("passage.marked", passage="p", exact="stand in it"))
    await memory_app.articles.close()
    memory_app.articles._workers = ArticleWorkers(job_seconds_max=0.01)
    head = await memory_app.head()
    (outcome,) = await memory_app.publish([revised("r1", LONG)])
    assert outcome.refusal is not None
    assert outcome.refusal.name == "article-too-hard"
    assert await memory_app.head() == head
    memory_app.articles._workers = ArticleWorkers()
    await given(memory_app, revised("r1", LONG))
    assert (await passages(memory_app))["p"].start == LONG.index("stand in it")


@pytest.mark.parametrize("edit", [bench.misspelt, bench.deleted])
async def test_nobody_waits_for_a_long_article(memory_app: App, edit: bench.Edit) -> None:
    """300,000 characters and 150 passages by default; a million and 500 with
    ROSTRA_TEST_LARGE.
    """
    large = "ROSTRA_TEST_LARGE" in os.environ
    characters, count = (1_000_000, 500) if large else (300_000, 150)
    chance = random.Random(5)
    text = bench.article(chance, characters)
    spans = bench.stretches(chance, text, count)
    await given(memory_app, opened(), revised("r1", text))
    await given(
        memory_app,
        *(
            event("passage.marked", passage=f"p{n}", exact=text[a:b], start=a, end=b)
            for n, (a, b) in enumerate(spans)
        ),
    )
    edited = asyncio.create_task(
        given(memory_app, revised("r2", bench.edited(text, spans, chance, edit)))
    )
    ticks = [time.thread_time()]  # what others' processes take does not count
    comments = 0
    while not edited.done():
        await asyncio.sleep(TICK_SECONDS)
        ticks.append(time.thread_time())
        if len(ticks) % 20 == 0:
            comments += 1
            author = {"id": "ann", "name": "Ann"}
            await given(
                memory_app,
                event("comment.posted", comment=f"c{comments}", author=author, body="Meanwhile."),
            )
    await edited
    gaps = [after - before for before, after in pairwise(ticks)]
    assert max(gaps) < GAP_SECONDS_MAX
    assert comments > 0


def test_an_embedder_needs_no_guard_around_their_main_program() -> None:
    script = f"""
import asyncio, rostra_adapters
print("began")
async def main():
    async with rostra_adapters.open("memory:") as app:
        about = {{"site": "s", "resource": "r"}}
        def event(kind, **data):
            return {{"specversion": "1.0", "source": "app", "id": kind, "type": kind,
                     "data": {{**about, **data}}}}
        outcomes = await app.publish([
            event("discussion.opened"),
            event("passage.marked", passage="p", exact="words that"),
            event("article.revised", revision="1", text={LONG!r}),
        ])
        print([outcome.status for outcome in outcomes])
asyncio.run(main())
"""
    said = subprocess.run(
        [sys.executable, "-"], input=script, capture_output=True, text=True, check=True
    )
    assert said.stdout == f"began\n{['recorded'] * 3}\n"


async def test_a_worker_that_nobody_needs_goes_to_rest() -> None:
    program = "import sys; from rostra_adapters.application.articles import workers as it; "
    program += "it.IDLE_SECONDS_MAX = 0.01; it._main(sys.stdin.buffer, sys.stdout.buffer)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    workers = ArticleWorkers()
    workers._idle.append(process)
    assert (await workers.do(PrepareText("a", None), Prepared)).text == "a"
    assert process not in processes(workers)
    await workers.close()
