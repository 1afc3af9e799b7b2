"""Keys of other issuers that are read again, or fetched again."""

import asyncio
import datetime
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rostra_adapters.errors import JwksError
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.auth import jwks, key_sources
from rostra_adapters.http.auth.key_sources import (
    KeyFile,
    KeySource,
    KeyUrl,
    fresh_seconds,
    source_of,
)
from support.http_keys import EC, ED, entry, signed
from support.service import SECRET, Service, serving
from support.waiting import WAIT_SECONDS_MAX, wait_until


def granting(private: Any, **changed: Any) -> dict[str, Any]:
    return entry(private, scopes=["feed"], **changed)


def content(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()


@asynccontextmanager
async def serving_with(source: KeySource) -> AsyncIterator[Service]:
    async with serving(settings=HttpSettings(secret=SECRET, jwks=source)) as service:
        yield service


async def takes(service: Service, private: Any) -> bool:
    answer = await service.ask("GET", "/v1/events", token=signed(private, scope="feed"))
    assert answer.status in (200, 401)
    return answer.status == 200


async def will_take(service: Service, private: Any) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await takes(service, private):
            pass


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sources, "FILE_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(key_sources, "FRESH_SECONDS_MIN", 0.01)
    monkeypatch.setattr(key_sources, "RETRY_SECONDS_MIN", 0.01)
    monkeypatch.setattr(key_sources, "RETRY_SECONDS_MAX", 0.02)


# -- a file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_bytes(content(granting(ED)))
    return path


def replace(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(data)
    draft.replace(path)


async def test_a_file_is_read_again_when_it_changes(file: Path) -> None:
    async with serving_with(KeyFile(file)) as service:
        assert (await takes(service, ED), await takes(service, EC)) == (True, False)
        replace(file, content(granting(EC)))
        await will_take(service, EC)
        assert not await takes(service, ED)
        file.write_bytes(content(granting(EC), granting(ED)))  # in place, too
        await will_take(service, ED)


@pytest.mark.parametrize("change", ["withdrawn", "may grant less"])
async def test_streams_end_with_the_key_of_their_token(file: Path, change: str) -> None:
    async with serving_with(KeyFile(file)) as service, ClientSession() as session:
        headers = {
            "Authorization": f"Bearer {signed(ED, scope='feed')}",
            "Accept": "text/event-stream",
        }
        async with session.get(f"{service.url}/v1/events", headers=headers) as stream:
            assert stream.status == 200
            replace(file, content(granting(EC), granting(ED)))
            await will_take(service, EC)
            assert not stream.content.at_eof()
            left = [entry(ED, scopes=["read"])] if change == "may grant less" else []
            replace(file, content(granting(EC), *left))
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await stream.read()


async def test_the_last_good_keys_stay_while_a_file_is_broken(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = KeyFile(file)
    with caplog.at_level(logging.WARNING, key_sources.__name__):
        async with serving_with(source) as service:
            for broken in (b"", b"[]", content(granting(ED, alg="RS256"))):
                caplog.clear()
                replace(file, broken)  # at once, or an empty file is one more fault
                await wait_until(lambda: bool(caplog.records))
                assert await takes(service, ED)
                assert "jwks.json" in caplog.messages[-1]
            caplog.clear()
            file.unlink()
            await wait_until(lambda: bool(caplog.records))
            await asyncio.gather(*[takes(service, ED) for _ in range(20)])
            assert len(caplog.records) == 1  # and is not repeated
            file.write_bytes(content(granting(EC)))
            await will_take(service, EC)


async def test_an_unexpected_error_does_not_end_the_looking(
    file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> list[jwks.TokenKey]:
        raise RuntimeError("a fault of ours")

    async with serving_with(KeyFile(file)) as service:
        with monkeypatch.context() as patched:
            patched.setattr(jwks, "read", broken)
            replace(file, content(granting(EC)))
            await wait_until(lambda: "a fault of ours" in caplog.text)
        await will_take(service, EC)


def test_a_file_that_is_too_long_is_refused(file: Path) -> None:
    file.write_bytes(b" " * jwks.BYTES_MAX + content(granting(ED)))
    with pytest.raises(JwksError, match="longer"):
        KeyFile(file)


# -- a URL


def certificate(
    name: str, key: Any, issuer: str, issuer_key: Any, *, authority: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        made = made.add_extension(names, critical=False)
    return made.sign(issuer_key, hashes.SHA256())


def pem(*parts: Any) -> bytes:
    return b"".join(
        part.public_bytes(serialization.Encoding.PEM)
        if isinstance(part, x509.Certificate)
        else part.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        for part in parts
    )


class Issuer:
    """A server of keys, whose root this machine trusts."""

    def __init__(self, folder: Path) -> None:
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = certificate("root", root_key, "root", root_key, authority=True)
        server = certificate("server", key, "root", root_key, authority=False)
        self.root_file = folder / "root.pem"
        self.root_file.write_bytes(pem(root))
        chain = folder / "server.pem"
        chain.write_bytes(pem(server, key))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(chain)
        self.answer: Callable[[], web.StreamResponse] = lambda: web.Response(
            body=content(granting(ED))
        )
        self.requests: list[web.Request] = []
        self.url = ""

    async def get(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        answer: web.StreamResponse = self.answer()
        return answer


@pytest.fixture
async def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Issuer]:
    made = Issuer(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.root_file))
    application = web.Application()
    application.add_routes([web.get("/keys", made.get)])
    server = TestServer(application, scheme="https")
    await server.start_server(ssl=made.tls)
    made.url = str(server.make_url("/keys"))
    yield made
    await server.close()


async def test_keys_are_fetched_before_the_service_answers_and_again_later(
    issuer: Issuer,
) -> None:
    async with serving_with(KeyUrl(issuer.url)) as service:
        assert (await takes(service, ED), await takes(service, EC)) == (True, False)
        issuer.answer = lambda: web.Response(
            body=content(granting(EC)), headers={"Cache-Control": "max-age=0"}
        )
        # The first answer said nothing of caching, and is kept for minutes.
    quick = {"Cache-Control": "max-age=0"}
    async with serving_with(KeyUrl(issuer.url)) as service:
        assert (await takes(service, ED), await takes(service, EC)) == (False, True)
        issuer.answer = lambda: web.Response(body=content(granting(ED)), headers=quick)
        await will_take(service, ED)
        assert not await takes(service, EC)


async def test_no_request_fetches_keys(issuer: Issuer) -> None:
    async with serving_with(KeyUrl(issuer.url)) as service:
        for _ in range(10):
            unknown = signed(ED, kid="unknown", iss="https://other.example")
            answer = await service.ask("GET", "/v1/events", token=unknown)
            assert answer.status == 401
        assert len(issuer.requests) == 1


async def test_an_answer_that_has_not_changed_is_asked_for_by_its_tag(issuer: Issuer) -> None:
    headers = {"ETag": '"1"', "Cache-Control": "max-age=0"}

    def answer() -> web.Response:
        if issuer.requests[-1].headers.get("If-None-Match") == '"1"':
            return web.Response(status=304, headers=headers)
        return web.Response(body=content(granting(ED)), headers=headers)

    issuer.answer = answer
    async with serving_with(KeyUrl(issuer.url)) as service:
        await wait_until(lambda: len(issuer.requests) > 3)
        assert await takes(service, ED)
        assert [r.headers.get("If-None-Match") for r in issuer.requests[:3]] == [None, '"1"', '"1"']


FAILURES: dict[str, Callable[[], web.StreamResponse]] = {
    "an error": lambda: web.Response(status=500),
    "a redirection": lambda: web.Response(status=302, headers={"Location": "/elsewhere"}),
    "no JSON": lambda: web.Response(body=b"<html>"),
    "a key that does not fit": lambda: web.Response(body=content(granting(ED, alg="HS256"))),
    "too long": lambda: web.Response(body=b" " * jwks.BYTES_MAX + content(granting(EC))),
    "too long, unpacked": lambda: _packed(b" " * jwks.BYTES_MAX + content(granting(EC))),
}


def _packed(body: bytes) -> web.Response:
    response = web.Response(body=body)
    response.enable_compression(web.ContentCoding.gzip)
    return response


@pytest.mark.parametrize("failure", FAILURES)
async def test_the_last_good_keys_stay_while_fetching_fails(
    issuer: Issuer, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    quick = {"Cache-Control": "max-age=0"}
    issuer.answer = lambda: web.Response(body=content(granting(ED)), headers=quick)
    with caplog.at_level(logging.WARNING, key_sources.__name__):
        async with serving_with(KeyUrl(issuer.url)) as service:
            issuer.answer = FAILURES[failure]
            await wait_until(lambda: bool(caplog.records))
            seen = len(issuer.requests)
            await wait_until(lambda: len(issuer.requests) > seen + 2)
            assert await takes(service, ED)
            assert not await takes(service, EC)
            assert len(caplog.records) == 1
            issuer.answer = lambda: web.Response(body=content(granting(EC)))
            await will_take(service, EC)


async def test_an_answer_that_does_not_end_is_given_up(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(key_sources, "FETCH_SECONDS_MAX", 0.3)

    class Endless(web.Response):
        async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002  # it never ends
            await self.write(b" ")
            await asyncio.Event().wait()

    issuer.answer = Endless
    with caplog.at_level(logging.WARNING, key_sources.__name__):
        async with serving_with(KeyUrl(issuer.url)) as service:
            assert not await takes(service, ED)
            assert "fetched" in caplog.messages[0]
            issuer.answer = lambda: web.Response(body=content(granting(ED)))
            await will_take(service, ED)


async def test_a_server_whose_root_is_not_trusted_is_not_asked(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with serving_with(KeyUrl(issuer.url)) as service:
        assert not await takes(service, ED)
        assert not issuer.requests


@pytest.mark.parametrize("url", ["http://login.example/keys", "https://", "file:///etc/passwd"])
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(JwksError, match="https"):
        source_of(url)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 300),
        ({"Cache-Control": "public, max-age=3600"}, 3_600),
        ({"Cache-Control": 'Max-Age="120"'}, 120),
        ({"Cache-Control": "max-age=600", "Age": "500"}, 100),
        ({"Cache-Control": "max-age=600", "Age": "900"}, 60),
        ({"Cache-Control": "max-age=99999999999999999999999"}, 86_400),
        ({"Cache-Control": "max-age=" + "9" * 6_000}, 300),
        ({"Cache-Control": "max-age=soon"}, 300),
        ({"Cache-Control": "no-store, max-age=600"}, 60),
        (
            {
                "Date": "Sat, 28 Nov 2026 10:00:00 GMT",
                "Expires": "Sat, 28 Nov 2026 10:20:00 GMT",
            },
            1_200,
        ),
        ({"Expires": "0"}, 300),
    ],
)
def test_the_headers_say_for_how_long_keys_are_fresh(
    headers: dict[str, str], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sources, "FRESH_SECONDS_MIN", 60.0)
    assert fresh_seconds(headers) == seconds
