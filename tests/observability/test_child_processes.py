"""No process that Rostra starts is given secrets that it does not need."""

import ast
import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import rostra_adapters
from rostra.deciding.text_work import Prepared, PrepareText
from rostra_adapters.application.articles.workers import ArticleWorkers
from rostra_adapters.local_postgres import lease as local_postgres
from rostra_adapters.observability.child_processes import (
    DATABASE_PASSWORDS,
    environment_without_secrets,
    hide_secrets,
    python_environment,
)

SECRETS = {
    "ROSTRA_SECRET": "a-secret-" * 8,
    "ROSTRA_SECRET_PREVIOUS": "a-secret-before-" * 4,
    "ROSTRA_MASTER_KEY": "5e" * 32,
    "ROSTRA_DATABASE_URL": "postgresql://rostra:a-secret-password@db/rostra",
    "ROSTRA_TOKEN": "a-secret-token",
    "PGPASSWORD": "a-secret-password",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=a-secret-token",
}
STARTERS = {"create_subprocess_exec", "create_subprocess_shell", "Popen", "run", "check_output"}


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")


def shown_secrets(pid: int) -> list[str]:
    environment = environment_of(pid)
    assert environment  # it can be read at all
    return [name for name, value in SECRETS.items() if value in environment]


@pytest.mark.usefixtures("secrets")
def test_only_the_secrets_that_are_named_are_kept() -> None:
    assert SECRETS.keys().isdisjoint(environment_without_secrets())
    assert SECRETS.keys() & python_environment(*DATABASE_PASSWORDS).keys() == {"PGPASSWORD"}
    assert environment_without_secrets()["PATH"] == os.environ["PATH"]
    with hide_secrets():
        assert SECRETS.keys().isdisjoint(os.environ)
    assert SECRETS.items() <= dict(os.environ).items()


@pytest.mark.usefixtures("secrets")
async def test_the_workers_of_articles_have_no_secrets() -> None:
    workers = ArticleWorkers()
    await workers.do(PrepareText("a", None), Prepared)
    (process,) = workers._idle
    assert shown_secrets(process.pid) == []
    await workers.close()


@pytest.mark.usefixtures("secrets")
def test_postgresql_has_no_secrets(run_folder: Path) -> None:
    data = run_folder / "of-secrets"
    lease = local_postgres.start(data, durable=False)
    try:
        pid = local_postgres.postmaster_pid(data)
        assert pid is not None
        assert shown_secrets(pid) == []
    finally:
        lease.release()


@pytest.mark.slow
def test_workers_of_the_service_have_them_and_their_helper_has_not(
    tmp_path: Path, database_url: str
) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("ROSTRA_")}
    secrets = SECRETS | {"ROSTRA_DATABASE_URL": database_url}
    service = subprocess.Popen(
        [sys.executable, "-m", "rostra_adapters.cli", "serve", "--port", "0", "--workers", "2"],
        cwd=tmp_path,
        env=own | secrets,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert service.stdout is not None
        assert b"listens" in service.stdout.readline()
        children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
        shown = {
            b"resource_tracker" in Path(f"/proc/{child}/cmdline").read_bytes(): "ROSTRA_SECRET="
            in environment_of(int(child))
            for child in children
        }
        assert shown == {True: False, False: True}
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)
        if service.stdout is not None:
            service.stdout.close()


def test_whoever_starts_a_process_says_what_its_environment_is() -> None:
    package = Path(rostra_adapters.__file__).parent
    calls = [
        (path.name, node)
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in STARTERS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {asyncio.__name__, subprocess.__name__}
        and not (node.func.value.id == "asyncio" and node.func.attr == "run")
    ]
    assert len(calls) >= 4
    for name, call in calls:
        assert "env" in {keyword.arg for keyword in call.keywords}, f"{name}: {call.lineno}"
