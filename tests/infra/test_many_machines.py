"""The files in `infra/deploy/` for many machines: compose, its servers' scripts, and nginx."""

import asyncio
import ipaddress
import os
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from aiohttp import ClientSession, TCPConnector

import rostra_adapters
from rostra_adapters.http import HttpSettings
from rostra_adapters.postgres.database_url import read_url, with_read_only
from support.certificates import Root
from support.listening import listening
from support.nginx import running_nginx
from support.pages import PROJECT
from support.ports import free_port
from support.replication import Cluster, Node, nodes
from support.running import Rostra
from support.service import (
    MASTER_KEY,
    SECRET,
    Service,
    opened,
    posted,
    serving,
    serving_app,
    token,
    voted,
)
from support.waiting import block_until

DEPLOY = PROJECT / "infra/deploy"
NGINX = (DEPLOY / "nginx-many.conf").read_text("utf-8")
COMPOSE_TEXT = (DEPLOY / "compose.many.yaml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"] == "rostra"}
SERVED_BY = "X-Served-By"


def test_compose_runs_everything_without_rights() -> None:
    assert set(SERVICES) == {
        "front", "init", "writer", "projector", "reader1", "reader2", "notify",
        "primary", "standby1", "standby2",
    }  # fmt: skip
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        for needed in service.get("depends_on", []):
            assert needed in SERVICES, name
    assert [name for name, one in SERVICES.items() if "ports" in one] == ["front"]
    assert SERVICES["front"]["ports"] == ["127.0.0.1:8080:8080"]
    assert SERVICES["notify"]["profiles"] == ["mail"]


def test_compose_names_files_secrets_and_volumes_that_exist() -> None:
    used = {one for service in SERVICES.values() for one in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    page = (PROJECT / "docs/how-to/many-machines.md").read_text("utf-8")
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": name} and name in page
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_file(), name
        for value in service.get("environment", {}).values():
            if found := re.fullmatch(r"(?:file:)?/run/secrets/(.+)", value):
                assert found[1] in service["secrets"], name
    assert "/data" in SERVICES["writer"]["volumes"][0]  # the file of erasures


def test_every_command_option_and_variable_of_compose_exists() -> None:
    reference = (PROJECT / "docs/reference/cli.md").read_text("utf-8")
    commands = {name: one.get("command", ["serve"]) for name, one in OURS.items()}
    assert commands["reader1"] == commands["reader2"] == ["serve", "--read-only"]
    for name, (command, *options) in commands.items():
        assert f"\n## rostra {command}\n" in reference, name
        assert all(f"`{option}`" in reference for option in options), name
        for variable in OURS[name]["environment"]:
            assert f"`{variable}`" in reference, name


def test_nginx_finds_readers_and_writers_by_their_addresses_in_compose() -> None:
    names = set(re.findall(r"server (rostra-\w+):8080", NGINX))
    at: dict[str, set[str]] = {}
    [network] = COMPOSE["networks"]["default"]["ipam"]["config"]
    for service in SERVICES.values():
        if joined := service.get("networks", {}).get("default"):
            address = ipaddress.ip_address(joined["ipv4_address"])
            assert address in ipaddress.ip_network(network["subnet"])
            assert address not in ipaddress.ip_network(network["ip_range"])
            for alias in joined["aliases"]:
                at.setdefault(alias, set()).add(str(address))
    assert names == set(at) and len(at["rostra-readers"]) == 2
    trusted = ipaddress.ip_network(SERVICES["writer"]["environment"]["ROSTRA_PROXY"])
    assert ipaddress.ip_network(network["subnet"]).subnet_of(trusted)  # type: ignore[arg-type]


def environment(node: Node, folder: Path, **more: object) -> dict[str, str]:
    password = folder / "password"
    password.write_text("secret")
    return {
        "PATH": f"{node.programs.folder}:{os.environ['PATH']}",
        "LC_ALL": "C",
        "PGDATA": str(node.folder),
        "REPLICATION_PASSWORD_FILE": str(password),
        "SERVING_PASSWORD_FILE": str(password),
        **{name: str(value) for name, value in more.items()},
    }


@contextmanager
def standby(
    script: Path, home: Path, name: str, primary: Node
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the script of a standby until the block ends."""
    node = Node(home, name)
    account = node.programs.account
    process = subprocess.Popen(
        ["sh", script, name, "-p", str(node.port), "-k", str(home)],
        env=environment(node, home, PRIMARY_HOST="127.0.0.1", PRIMARY_PORT=primary.port),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.postgres
def test_the_scripts_of_compose_make_a_primary_and_a_standby_that_confirms() -> None:
    with nodes(1) as [primary]:
        home = primary.folder.parent
        script = home / "standby.sh"
        script.write_text((DEPLOY / "many/standby.sh").read_text("utf-8"))
        for once in ("serving-role.sh", "many/primary.sh"):
            subprocess.run(
                ["sh", DEPLOY / once],
                env=environment(
                    primary, home, POSTGRES_USER="rostra", POSTGRES_DB="rostra",
                    PGHOST="127.0.0.1", PGPORT=primary.port,
                ),
                check=True,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
        assert primary.value("select rolsuper from pg_roles where rolname = 'rostra_serving'") is (
            False
        )
        assert "\nhost replication replicator all scram-sha-256\n" in (
            primary.folder / "pg_hba.conf"
        ).read_text("utf-8")
        primary.stop()
        primary.start()
        assert primary.value("show synchronous_standby_names") == "ANY 1 (standby1, standby2)"
        confirming = "select count(*) from pg_stat_replication where sync_state = 'quorum'"
        for names in (("standby1",), ("standby1", "standby2")):  # the first starts a second time
            with standby(script, home, names[0], primary):
                block_until(lambda: primary.value(confirming) == 1)
                primary.execute(f"create table confirmed_{len(names)} ()")
                for name in names[1:]:
                    with standby(script, home, name, primary):
                        block_until(lambda: primary.value(confirming) == 2)


@pytest.mark.parametrize("name", ["reader1", "reader2"])
def test_a_url_in_a_file_leads_to_a_standby(name: str, tmp_path: Path) -> None:
    given = SERVICES[name]["environment"]["ROSTRA_READ_DATABASE_URL"]
    secret = given.rpartition("/")[2]
    [form] = re.findall(rf"^#   {secret} +(\S+)$", COMPOSE_TEXT, re.MULTILINE)
    assert re.findall(r"[@,](\w+)", form)[0] == secret.removesuffix("-url")
    assert set(re.findall(r"[@,](\w+)", form)) == {"primary", "standby1", "standby2"}
    (tmp_path / secret).write_text(form + "\n")
    read = read_url(with_read_only(given.replace("/run/secrets", str(tmp_path))))
    assert read.is_read_only and read.dsn.startswith(
        f"postgresql://rostra_serving:SERVING@{secret[:8]}"
    )


def test_every_variable_of_the_pages_exists() -> None:
    reference = (PROJECT / "docs/reference/cli.md").read_text("utf-8")
    known = set(re.findall(r"`(ROSTRA_[A-Z_]+)`", reference))
    known |= {"ROSTRA_SECRET", "ROSTRA_MASTER_KEY"}
    for page in ("many-machines.md", "cluster-runbooks.md"):
        text = (PROJECT / "docs/how-to" / page).read_text("utf-8")
        assert set(re.findall(r"\bROSTRA_[A-Z_]+", text)) <= known


class Front:
    """nginx before a writer and its readers."""

    def __init__(self, writer: Service, readers: list[Service], front: Service) -> None:
        self.writer = writer
        self.readers = readers
        self.front = front

    def served_by(self, answer: Any) -> list[str]:
        """Return the services that were asked, the last of which answered."""
        names = {self.writer.url.removeprefix("http://"): "writer"}
        for number, reader in enumerate(self.readers):
            names[reader.url.removeprefix("http://")] = f"reader{number}"
        asked = re.split(r", | : ", answer.headers.get(SERVED_BY, ""))
        return [names.get(one, one) for one in asked]


def configured(port: int, writers: list[str], readers: list[str]) -> str:
    """Return the configuration for services at these addresses. Answers name their service."""
    text = re.sub(
        r"^( +server )(rostra-\w+):8080( [^;]+;).*$",
        lambda line: "\n".join(
            line[1] + address + line[3]
            for address in (readers if line[2] == "rostra-readers" else writers)
        ),
        NGINX,
        flags=re.MULTILINE,
    )
    assert "rostra-" not in text.partition("\nserver {")[0] and "    listen 8080;\n" in text
    naming = f"add_header {SERVED_BY} $upstream_addr always;"
    return text.replace("    listen 8080;\n", f"    listen 127.0.0.1:{port};\n    {naming}\n")


@asynccontextmanager
async def fronted(
    folder: Path,
    *,
    dead: int = 0,
    is_reader_dead: bool = False,
    is_writer_dead: bool = False,
    lags: bool = False,
) -> AsyncIterator[Front]:
    """Run nginx before a writer and a reader of one log; a reader that `lags` has another log.

    Before each of them nginx finds `dead` others that do not answer.
    """
    read_only = HttpSettings(secret=SECRET, read_only=True, proxies=("127.0.0.1",))
    port = free_port()
    async with (
        rostra_adapters.open("memory:", master_key=MASTER_KEY) as app,
        rostra_adapters.open("memory:", master_key=MASTER_KEY) as other,
        serving_app(app, HttpSettings(secret=SECRET, proxies=("127.0.0.1",))) as writer,
        serving_app(other if lags else app, read_only) as reader,
        ClientSession() as session,
    ):
        writers, readers = ([address() for _ in range(dead)] for _ in range(2))
        writers.append(address() if is_writer_dead else writer.url.removeprefix("http://"))
        readers.append(address() if is_reader_dead else reader.url.removeprefix("http://"))
        async with running_nginx(folder, configured(port, writers, readers), port) as url:
            front = Service(app, session, url, [], writer.application, None)
            yield Front(writer, [reader], front)


def address() -> str:
    """Return an address at which nobody answers."""
    return f"127.0.0.1:{free_port()}"


async def test_reads_go_to_a_reader_and_all_else_to_a_writer(tmp_path: Path) -> None:
    async with fronted(tmp_path) as it:
        [discussion] = await it.front.given(opened())
        path = f"/v1/discussions/{discussion}"
        for method in ("GET", "HEAD"):
            answer = await it.front.ask(method, path)
            assert (answer.status, it.served_by(answer)) == (200, ["reader0"]), method
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert it.served_by(await it.front.ask(method, path)) == ["writer"], method
        large = [posted(f"c{number}", body="long " * 2_000) for number in range(200)]
        await it.front.given(*large)
        for closed in ("/metrics", "/status"):
            assert (await it.front.ask("GET", closed)).status == 403


async def test_no_client_sees_that_a_reader_only_reads(tmp_path: Path) -> None:
    async with fronted(tmp_path) as it:
        application = it.readers[0].application
        assert application is not None
        routes = {
            (route.method, route.resource.canonical.replace("{id}", "0" * 32))
            for route in application.router.routes()
            if route.resource is not None and route.method != "*"
        }
        assert len(routes) > 60
        for method, path in sorted(routes):
            if path.endswith("/live") or (method, path) == ("GET", "/v1/events"):
                continue
            answer = await it.front.ask(method, path, token=token())
            assert b"/problems/read-only" not in answer.body, (method, path)


async def test_live_updates_come_at_once_through_nginx(tmp_path: Path) -> None:
    async with fronted(tmp_path) as it:
        [discussion] = await it.front.given(opened())
        live = f"{it.front.url}/v1/discussions/{discussion}/live"
        async with listening(live) as events:
            assert "reader0" in it.served_by(events.response)
            await it.front.given(posted())
            async with asyncio.timeout(60):
                _, name, _ = await events.next()
            assert name is not None


async def test_another_reader_and_another_writer_replace_lost_ones(tmp_path: Path) -> None:
    async with fronted(tmp_path, dead=2) as it:
        [discussion] = await it.front.given(opened())
        for number in range(20):
            answer = await it.front.ask("GET", f"/v1/discussions/{discussion}")
            assert (answer.status, it.served_by(answer)[-1]) == (200, "reader0")
            answer = await it.front.publish(posted(f"c{number}"))
            assert (answer.status, it.served_by(answer)[-1]) == (201, "writer")


async def test_a_writer_replaces_the_last_reader(tmp_path: Path) -> None:
    async with fronted(tmp_path, is_reader_dead=True) as it:
        [discussion] = await it.front.given(opened())
        for _ in range(10):
            answer = await it.front.ask("GET", f"/v1/discussions/{discussion}")
            assert (answer.status, it.served_by(answer)[-1]) == (200, "writer")


async def test_a_writer_answers_where_a_reader_cannot(tmp_path: Path) -> None:
    """A reader whose standby is behind answers 503."""
    async with fronted(tmp_path, lags=True) as it:
        await it.front.given(opened(), posted(), voted())
        head = await it.writer.catch_up()
        params = {"site": "gazette", "resource": "/trams", "min_position": head, "wait": 0}
        refused = await it.readers[0].ask("GET", "/v1/comments", params=params)
        assert (refused.status, refused.problem) == (503, "view-behind")
        for _ in range(10):
            answer = await it.front.ask("GET", "/v1/comments", params=params)
            assert (answer.status, it.served_by(answer)) == (200, ["reader0", "writer"])
        counted = await it.front.ask("HEAD", "/v1/comments", params=params)
        assert counted.status == 200 and counted.body == b""


async def test_it_ends_tls_with_the_lines_of_nginx_conf(tmp_path: Path) -> None:
    one = (DEPLOY / "nginx.conf").read_text("utf-8")
    [lines] = re.findall(r"^ +listen 443.*?^ +add_header [^\n]+\n", one, re.MULTILINE | re.DOTALL)
    root, port, plain = Root(tmp_path), free_port(), free_port()
    signed = root.sign("comments.example")
    for there, here in (
        ("    listen [::]:443 ssl;\n", ""),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/comments.pem", str(signed.certificate)),
        ("/etc/ssl/comments.key", str(signed.key)),
    ):
        assert there in lines, there
        lines = lines.replace(there, here)
    listens = f"    listen 127.0.0.1:{plain};\n"
    async with serving() as service:
        at = [service.url.removeprefix("http://")]
        text = configured(plain, at, at)
        assert listens in text
        trusting = ssl.create_default_context(cafile=str(root.file))
        async with (
            running_nginx(tmp_path, text.replace(listens, lines), port),
            ClientSession(connector=TCPConnector(ssl=trusting)) as session,
            session.get(f"https://127.0.0.1:{port}/healthz", server_hostname="comments.example",
                        headers={"Host": "comments.example"}) as answer,
        ):  # fmt: skip
            assert answer.status == 200
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_clients_are_told_to_come_again_where_nobody_answers(tmp_path: Path) -> None:
    async with fronted(tmp_path, is_reader_dead=True, is_writer_dead=True) as it:
        for method in ("GET", "POST"):
            answer = await it.front.ask(method, "/v1/comments")
            assert (answer.status, answer.problem) == (503, "database-unavailable"), method
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["Cache-Control"] == "no-store"


class Composed:
    """Processes as compose.many.yaml starts them, on servers of a test's own."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self._folder = folder
        (folder / "database-url").write_text(cluster.url)
        urls = [f"127.0.0.1:{node.port}" for node in cluster.members]
        for number in (1, 2):
            first = urls[number:] + urls[:number]
            url = f"postgresql://rostra@{','.join(first)}/rostra"
            (folder / f"standby{number}-url").write_text(url)

    def process(self, name: str) -> Rostra:
        given = {
            variable: value.replace("/run/secrets", str(self._folder))
            for variable, value in SERVICES[name]["environment"].items()
            if not variable.endswith("METRICS_PORT")
        }
        given |= {"ROSTRA_PROXY": "127.0.0.1", "ROSTRA_FAILOVER": "lossless"}
        given |= {"ROSTRA_SECRET": SECRET, "ROSTRA_MASTER_KEY": MASTER_KEY.hex()}
        if "--read-only" in SERVICES[name].get("command", []):
            given["ROSTRA_READ_ONLY"] = "true"
        return Rostra(self._folder / name, None, **given)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.postgres
async def test_reads_go_on_while_one_part_after_another_is_lost(tmp_path: Path) -> None:
    with nodes(3) as members, ExitStack() as stack:
        cluster = Cluster(members)
        composed = Composed(tmp_path, cluster)
        writer = stack.enter_context(composed.process("writer").serving())
        stack.enter_context(composed.process("projector").started("project"))
        readers = [
            stack.enter_context(composed.process(name).serving()) for name in ("reader1", "reader2")
        ]
        port = free_port()
        addresses = [one.url.removeprefix("http://") for one in (writer, *readers)]
        text = configured(port, addresses[:1], addresses[1:])
        async with running_nginx(tmp_path, text, port) as url, ClientSession() as session:
            front = Service(None, session, url, [], None, None)  # type: ignore[arg-type]
            seen: set[int] = set()
            async with reading(front, seen):
                await publish(front, opened())
                position = await publish(front, posted())
                shown = {"site": "gazette", "resource": "/trams", "wait": 30}
                own = {**shown, "min_position": position}
                answer = await front.ask("GET", "/v1/comments", params=own)
                assert len(answer.json["comments"]) == 1
                assert answer.headers[SERVED_BY] in addresses[1:]

                writer.kill()
                refused = await front.publish(posted("c2"))
                assert (refused.status, refused.problem) == (503, "database-unavailable")
                again = composed.process("writer").serving(port=writer.port)
                stack.enter_context(again)

                await asyncio.to_thread(cluster.kill_primary)
                position = await publish(front, posted("c3"))
                own = {**shown, "min_position": position}
                answer = await front.ask("GET", "/v1/comments", params=own)
                assert len(answer.json["comments"]) == 2

                readers[0].kill()
                for _ in range(20):
                    answer = await front.ask("GET", "/v1/comments", params=own)
                    assert len(answer.json["comments"]) == 2
            assert seen <= {200, 404} and 200 in seen


async def publish(front: Service, one: Any) -> int:
    """Publish an event until it is recorded. Return its position."""
    while True:
        answer = await front.publish(one)
        if answer.status in (200, 201):
            return int(answer.json["position"])
        assert answer.status == 503, answer.body
        await asyncio.sleep(float(answer.headers["Retry-After"]))


@asynccontextmanager
async def reading(front: Service, seen: set[int]) -> AsyncIterator[None]:
    """Read comments again and again while the block runs, and note the status of each answer."""

    async def read() -> None:
        params = {"site": "gazette", "resource": "/trams"}
        while True:
            seen.add((await front.ask("GET", "/v1/comments", params=params)).status)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(read())
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
