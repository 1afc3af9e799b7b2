"""Background tasks: whatever one meets, it is logged once, waits, and begins again."""

import ast
import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

import rostra_adapters
from rostra import ids
from rostra.log import LogReplaced, LogUnavailable
from rostra_adapters.aio import background
from rostra_adapters.aio.background import BackgroundTask
from rostra_adapters.application.app import App
from rostra_adapters.application.moderation_jobs import follower as moderation_follower
from rostra_adapters.application.moderation_jobs import vote_counter
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from rostra_adapters.application.moderation_jobs.vote_counter import VoteCounter
from rostra_adapters.application.notify import follower as notify_follower
from rostra_adapters.application.notify.composing import MailOrigin
from rostra_adapters.application.notify.follower import OutboxFiller
from rostra_adapters.application.notify.outbox import Claim, Notice
from rostra_adapters.application.notify.sender import MailSettings, Sender
from rostra_adapters.cli import mailing, notify, serve
from rostra_adapters.cli.delivering import deliver_webhooks
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.auth.key_sources import KeyFile
from support.backlogs import Backlog
from support.listening import listening
from support.service import MASTER_KEY, SECRET, opened, posted, serving, serving_app, token

SOURCES = Path(rostra_adapters.__file__).parent
STARTERS = {"create_task", "ensure_future", "start_soon", "run_coroutine_threadsafe"}
SUPERVISED = {"BackgroundTask", "LogFollower"}
BOUNDED = {
    "aio/background.py": "the supervisor itself",
    "aio/tasks.py": "tasks that end with one batch or answer",
    "application/notify/sender.py": "one attempt, which its claim waits for",
    "application/webhooks/sender.py": "one attempt, which its delivery waits for",
    "postgres/heartbeat.py": "one beat, whose caller waits",
    "postgres/single_flight.py": "one look-up, whose caller waits",
    "postgres/prefetch.py": "one page, whose caller waits",
    "postgres/rebuild/fold_worker.py": "a rebuild, whose caller waits",
    "local_postgres/lease.py": "the start of a server, whose caller waits",
}
"""Modules that start tasks of their own, each of which a caller waits for."""
ERRORS: list[BaseException] = [
    asyncpg.InvalidPasswordError("password authentication failed"),
    asyncpg.InvalidAuthorizationSpecificationError("the role is not permitted to log in"),
    asyncpg.InvalidCatalogNameError("the database does not exist"),
    asyncpg.ObjectNotInPrerequisiteStateError("not currently accepting connections"),
    asyncpg.UndefinedTableError("the relation does not exist"),
    LogUnavailable("away"),
    LogReplaced("another log"),
    OSError("no route to host"),
    TimeoutError(),
    asyncio.CancelledError(),
    ValueError("an error that nobody expects"),
]
ENDING = {"forget-mails"}
"""Tasks that end as soon as they have succeeded once."""
WAIT_SECONDS_MAX = 60.0


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES.rglob("*.py"):
        yield path.relative_to(SOURCES).as_posix(), ast.parse(path.read_text())


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """The calls of a module, with the last part of what they call."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                yield name, node


def names() -> set[str]:
    """Names of all tasks in the source, as far as they are known there."""
    found = set()
    for _, tree in sources():
        for called, call in calls(tree):
            if called in SUPERVISED and len(call.args) > 1:
                match call.args[1]:
                    case ast.Constant(value=str(name)):
                        found.add(name)
                    case ast.JoinedStr(values=[ast.Constant(value=str(name)), *_]):
                        found.add(name)
                    case ast.Name():
                        pass  # passed on by a class that is itself in SUPERVISED
                    case other:
                        raise AssertionError(ast.dump(other))
    return found


def test_only_the_supervisor_starts_tasks_that_outlive_their_callers() -> None:
    starting = {
        path
        for path, tree in sources()
        for called, call in calls(tree)
        if called in STARTERS and not _is_of_a_group(call)
    }
    assert starting == BOUNDED.keys()


def _is_of_a_group(call: ast.Call) -> bool:
    """A task group waits for its tasks."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="group" | "tasks")):
            return True
    return False


async def until_all_work() -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while any(task.error for task in background.running_tasks()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def throw_into_all() -> set[str]:
    """Throw each error into each task. Return the names of the tasks."""
    thrown: set[str] = set()
    for error in ERRORS:
        await until_all_work()
        tasks = background.running_tasks()
        before = background.restarts()
        for task in tasks:
            task.interrupt(error)
            thrown.add(task.name)
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while any(background.restarts()[task.name] <= before[task.name] for task in tasks):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await until_all_work()
        assert set(tasks) <= set(background.running_tasks())
    return thrown


def mail_tasks(app: App) -> list[BackgroundTask]:
    """The tasks of `rostra notify`."""
    settings = MailSettings(origin=MailOrigin("rostra@example.org"), base_url="https://example.org")
    return mailing._mail_tasks(app, notify._Printer(), settings)


class _Postgres:
    """A data folder's server that answers."""

    async def healthy(self) -> bool:
        return True


async def test_every_task_of_every_process_comes_back_after_every_error(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "RETRY_SECONDS_MAX", 0.01)
    file = tmp_path / "jwks.json"
    file.write_text('{"keys": []}')
    settings = HttpSettings(secret=SECRET, jwks=KeyFile(file))
    async with (
        serving("memory:"),
        rostra_adapters.open(database_url, master_key=MASTER_KEY) as app,
        serving_app(app, settings) as service,
        serve._kept_alive(_Postgres(), _Postgres()),
        deliver_webhooks(app),
        rostra_adapters.open(database_url, master_key=MASTER_KEY, read_only=True),
    ):
        discussion, _ = await service.given(opened(), posted("c1"))
        live = f"{service.url}/v1/discussions/{discussion}/live"
        feed = f"{service.url}/v1/events"
        mails = mail_tasks(app)
        async with listening(live), listening(feed, token=token()):
            thrown = await throw_into_all()
        await background.end_background(*mails)
        missing = {name for name in names() if not any(each.startswith(name) for each in thrown)}
        assert missing == ENDING
        await service.given(posted("c2"))
        page = await service.get(f"/v1/discussions/{discussion}/comments")
        assert page.status == 200
        assert page.json["total"] == 2
        assert (await service.ask("GET", "/readyz")).status == 200
        following = listening(feed, token=token(), last_event_id=await service.app.head())
        async with listening(live) as live_reader, following as feed_reader:
            await service.given(posted("c3"))
            assert (await live_reader.next())[1] == "comment"
            assert "c3" in str(await feed_reader.next())


@pytest.mark.parametrize(
    ("module", "make", "store", "method"),
    [
        (notify_follower, lambda app: OutboxFiller(app, app.outbox), "outbox", "advance"),
        (moderation_follower, ModerationFollower, "moderation_jobs", "advance"),
        (vote_counter, VoteCounter, "vote_counts", "add"),
    ],
    ids=("mails", "moderation", "votes"),
)
async def test_a_follower_works_again_after_one_page(
    monkeypatch: pytest.MonkeyPatch, module: Any, make: Any, store: str, method: str
) -> None:
    async with rostra_adapters.open("memory:", moderate=False) as app:
        follower, backlog = make(app), Backlog()
        await follower.catch_up()
        monkeypatch.setattr(module, "PAGE_EVENTS", 1)
        await app.publish([opened(), *(posted(f"c{number}") for number in range(3))])
        backlog.slow_down(monkeypatch, getattr(app, store), method)
        assert await backlog.error_of(follower.run) is None


async def test_the_sender_works_again_after_one_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    async with rostra_adapters.open("memory:", moderate=False) as app:
        persons = [f"p{number}" for number in range(3)]
        streams = [ids.person_id("gazette", person) for person in persons]
        await app.outbox.add(
            [
                Notice(uuid4(), stream, "gazette", person, "confirm")
                for stream, person in zip(streams, persons, strict=True)
            ]
        )
        backlog, claim = Backlog(), app.outbox.claim

        @asynccontextmanager
        async def claim_slowly() -> AsyncIterator[Claim | None]:
            await backlog.step()
            async with claim() as claimed:
                yield claimed

        monkeypatch.setattr(app.outbox, "claim", claim_slowly)
        settings = MailSettings(origin=MailOrigin("n@example.org"), base_url="https://example.org")
        sender = Sender(app, app.outbox, notify._Printer(), settings)
        assert await backlog.error_of(sender.run) is None


async def test_an_error_is_logged_once_and_the_waits_grow_to_a_bound(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    waits: list[float] = []
    asleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(background, "FAILING_SECONDS_MAX", 0.0)
    enough, comes_back = asyncio.Event(), asyncio.Event()

    async def work() -> AsyncGenerator[None, None]:
        if len(waits) < 12:
            raise LogUnavailable("the password is another")
        enough.set()
        await comes_back.wait()
        yield
        await asyncio.Event().wait()

    before = background.restarts().get("example", 0)
    task = BackgroundTask(work, "example")
    await enough.wait()
    assert task.error == "LogUnavailable: the password is another"
    assert background.restarts()["example"] == before + 12
    assert task in background.running_tasks()
    assert task in background.failing_tasks()
    assert caplog.text.count("the password is another") == 1
    longest = [min(0.2 * 2**number, background.RETRY_SECONDS_MAX) for number in range(1, 13)]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    comes_back.set()
    while background.failing_tasks():
        await asleep(0)
    assert "example works again" in caplog.text
    await task.end()
    assert task not in background.running_tasks()


async def test_a_task_that_fails_for_long_makes_the_process_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> AsyncGenerator[None, None]:
        for number in range(1, 0, -1):
            raise ValueError(f"broken for good {number}")
        yield

    async with serving("memory:") as service:
        assert (await service.ask("GET", "/readyz")).status == 200
        task = BackgroundTask(work, "example")
        monkeypatch.setattr(background, "FAILING_SECONDS_MAX", 0.0)
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while task.error is None:  # noqa: ASYNC110  # the task tells nobody
                await asyncio.sleep(0)
        answer = await service.ask("GET", "/readyz")
        assert (answer.status, answer.problem) == (503, "not-ready")
        assert "example" in answer.json["detail"]
        metrics = (await service.ask("GET", "/metrics")).body.decode()
        assert 'rostra_task_up{task="example"} 0.0' in metrics
        assert 'rostra_task_up{task="project"} 1.0' in metrics
        assert 'rostra_task_restarts_total{task="example"}' in metrics
        await task.end()
        assert (await service.ask("GET", "/readyz")).status == 200


async def test_a_task_ends_though_its_work_loses_the_cancellation() -> None:
    async def fails_instead() -> AsyncGenerator[None, None]:
        try:
            yield
            await asyncio.Event().wait()
        finally:
            raise ValueError("the connection was lost while it was closed")

    async def goes_on() -> AsyncGenerator[None, None]:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            yield

    tasks = [BackgroundTask(work, "example") for work in (fails_instead, goes_on)]
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await background.end_background(*tasks)
    assert not set(tasks) & set(background.running_tasks())


async def test_a_task_ends_though_its_work_loses_many_cancellations_and_never_yields(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "CANCEL_AGAIN_SECONDS", 0.0)
    lost = 0

    async def goes_on() -> AsyncGenerator[None, None]:
        nonlocal lost
        while lost < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
        await asyncio.Event().wait()
        yield

    task = BackgroundTask(goes_on, "example")
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await task.end()
    assert lost == 3
    assert task not in background.running_tasks()


async def test_an_interruption_while_it_waits_to_begin_again_does_not_end_a_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "FAILING_SECONDS_MAX", 0.0)
    began = 0

    async def work() -> AsyncGenerator[None, None]:
        nonlocal began
        began += 1
        if began == 1:
            raise LogUnavailable("away")
        yield
        await asyncio.Event().wait()

    task = BackgroundTask(work, "example")
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while task.error is None:  # noqa: ASYNC110  # the task tells nobody
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.interrupt(ValueError("the lease was lost"))
        while task in background.failing_tasks():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert task in background.running_tasks()
    assert began == 2
    await task.end()


async def test_a_task_group_that_fails_does_not_end_the_task_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "FAILING_SECONDS_MAX", 0.0)
    began = asyncio.Event()

    async def fail() -> None:
        raise ValueError("broken")

    async def work() -> AsyncGenerator[None, None]:
        if not began.is_set():
            began.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.Event().wait()
        yield
        await asyncio.Event().wait()

    task = BackgroundTask(work, "example")
    await began.wait()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while task.error is None:  # noqa: ASYNC110  # the task tells nobody
            await asyncio.sleep(0)
        while task in background.failing_tasks():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert task in background.running_tasks()
    await task.end()
