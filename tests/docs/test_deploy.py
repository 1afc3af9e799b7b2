"""The files for deployment that the how-tos show work."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import rostra_adapters
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.application import METRICS
from support.listening import listening
from support.nginx import running_nginx
from support.pages import PROJECT, free_port, shown_file
from support.requirements import missing
from support.service import SECRET, Service, opened, posted, serving

DEPLOY = "docs/how-to/deploy.md"


def test_the_unit_file_is_valid(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        missing("systemd-analyze", "install systemd")
    text = shown_file(DEPLOY, "rostra@.service")
    here = Path(sys.executable).with_name("rostra")
    unit = tmp_path / "rostra@8080.service"
    unit.write_text(
        text.replace("/opt/rostra/bin/rostra", str(here)).replace("=rostra\n", "=root\n")
    )
    done = subprocess.run(
        [program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


@asynccontextmanager
async def behind_nginx(folder: Path, service: Service) -> AsyncIterator[str]:
    """Run nginx with the page's configuration, without TLS, before a service."""
    port, address = free_port(), service.url.removeprefix("http://")
    server = shown_file(DEPLOY, "rostra.conf")
    server = re.sub(r"    ssl_[^\n]*\n|    server 127.0.0.1:8090;[^\n]*\n", "", server)
    server = server.replace("443 ssl", f"127.0.0.1:{port}").replace("127.0.0.1:8080", address)
    async with running_nginx(folder, server, port) as url:
        yield url


async def test_nginx_passes_live_updates_on_at_once_and_keeps_metrics_inside(
    tmp_path: Path,
) -> None:
    settings = HttpSettings(secret=SECRET, proxies=("127.0.0.1",))
    async with serving(settings=settings) as service:
        [discussion] = await service.given(opened())
        async with behind_nginx(tmp_path, service) as url:
            live = f"{url}/v1/discussions/{discussion}/live"
            async with listening(live) as listener:
                await service.given(posted())
                async with asyncio.timeout(60):
                    event = await listener.next()
            assert event is not None
            outside = Service(service.app, service._session, url)
            assert (await outside.ask("GET", "/metrics")).status == 403
            assert (await outside.ask("GET", "/readyz")).status == 200


async def test_every_metric_of_the_docs_exists() -> None:
    async with rostra_adapters.open("memory:") as app:
        registry = make_app(app, HttpSettings(secret=SECRET))[METRICS].registry
        there = {name for one in registry.collect() for name in (one.name, f"{one.name}_total")}
    for page in sorted((PROJECT / "docs/how-to").glob("*.md")):
        named = set(re.findall(r"\brostra_[a-z_]+", page.read_text("utf-8")))
        metrics = {re.sub(r"_(count|bucket|sum)$", "", name) for name in named}
        unknown = {one for one in metrics if one.startswith(STARTS)} - there
        assert unknown == set(), page.name


STARTS = (
    "rostra_log_", "rostra_view_", "rostra_queued_", "rostra_append_", "rostra_request_",
    "rostra_connections", "rostra_untrusted", "rostra_foreign", "rostra_page_cache",
    "rostra_readers",
)  # fmt: skip


def test_the_compose_file_and_the_alerts_are_yaml() -> None:
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load(shown_file(DEPLOY, "compose.yaml"))
    assert set(compose["services"]) == {"rostra", "postgres"}
    rules = yaml.safe_load(shown_file("docs/how-to/monitor.md", "rostra-alerts.yaml"))
    assert all({"alert", "expr"} <= rule.keys() for rule in rules["groups"][0]["rules"])


def test_every_option_and_command_of_the_docs_exists() -> None:
    """Also in prose and in blocks that no test runs."""
    reference = (PROJECT / "docs/reference/cli.md").read_text("utf-8")
    commands = set(re.findall(r"^## rostra ([\w-]+)$", reference, re.MULTILINE))
    options = set(re.findall(r"`(--[\w-]+)`", reference)) | {"--help", "--version"}
    for page in [*sorted((PROJECT / "docs").rglob("*.md")), PROJECT / "README.md"]:
        text = page.read_text("utf-8")
        used = set(re.findall(r"(?:bin/|`|^|\()rostra (?!@)([a-z][\w-]+)", text, re.MULTILINE))
        assert used <= commands, page.name
        for line in re.findall(r"rostra (?:serve|token|init)[^\n`]*", text):
            assert set(re.findall(r"--[a-z][\w-]+", line)) <= options, line
