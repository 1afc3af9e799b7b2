"""Mails over TLS, and signed in to a server: as the mail URL says."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from rostra_adapters.application.notify.sender import MailDelayed, MailRefused, ServerAway
from rostra_adapters.mail.smtp import SmtpTransport, server_of
from support.certificates import Root
from support.waiting import WAIT_SECONDS_MAX

HOST = "localhost"
PASSWORD = "p@ss/word:1"
IN_URL = "ann:p%40ss%2Fword%3A1"
PERSON = UUID(int=1)


def mail(to: str = "ann@example.org") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "News <news@example.org>", to, "Trams"
    made.set_content("Trams are loud.")
    return made


class Server:
    """An SMTP server that notes how each mail came."""

    def __init__(self) -> None:
        self.came: list[tuple[bool, bool]] = []
        """Of each mail: whether by TLS, and whether somebody had signed in."""

    async def handle_DATA(self, _: SMTP, session: Session, __: Envelope) -> str:  # noqa: N802
        self.came.append((session.ssl is not None or self.is_implicit, bool(session.authenticated)))
        return "250 OK"

    is_implicit = False


def authenticate(*given: object) -> AuthResult:
    """Accept one name and password."""
    data = given[-1]
    assert isinstance(data, LoginPassword)
    fits = (data.login, data.password) == (b"ann", PASSWORD.encode())
    return AuthResult(success=fits, handled=False)


@asynccontextmanager
async def listening(
    server: Server, *, offered: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve, with STARTTLS offered, or by TLS from the first byte."""
    loop = asyncio.get_running_loop()
    server.is_implicit = implicit is not None

    def connection() -> SMTP:
        return SMTP(
            server,
            loop=loop,
            tls_context=offered,
            authenticator=authenticate,
            auth_require_tls=False,
        )

    listener = await loop.create_server(connection, "127.0.0.1", 0, ssl=implicit)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS, with a certificate that this process trusts."""
    root = Root(tmp_path)
    signed = root.sign(HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(root.file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(signed.certificate, signed.key)
    return context


def transport(url: str) -> SmtpTransport:
    return SmtpTransport(server_of(url), timeout_seconds=WAIT_SECONDS_MAX)


async def test_smtps_is_tls_from_the_first_byte(tls: ssl.SSLContext) -> None:
    server = Server()
    async with listening(server, implicit=tls) as port:
        await transport(f"smtps://{HOST}:{port}").send(mail(), PERSON)
    assert server.came == [(True, False)]


async def test_starttls_is_used_where_it_is_offered(tls: ssl.SSLContext) -> None:
    server = Server()
    async with listening(server, offered=tls) as port:
        await transport(f"smtp://{IN_URL}@{HOST}:{port}").send(mail(), PERSON)
    async with listening(server) as port:
        await transport(f"smtp://{IN_URL}@{HOST}:{port}").send(mail(), PERSON)
    assert server.came == [(True, True), (False, True)]


async def test_no_mail_goes_to_a_server_that_is_another(
    tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Root(tmp_path, "another").file))
    server = Server()
    async with listening(server, implicit=tls) as port:
        with pytest.raises(ServerAway):
            await transport(f"smtps://{IN_URL}@{HOST}:{port}").send(mail(), PERSON)
    async with listening(server, offered=tls) as port:
        with pytest.raises(ServerAway):
            await transport(f"smtp://{IN_URL}@{HOST}:{port}").send(mail(), PERSON)
    assert server.came == []


async def test_a_wrong_password_is_named_nowhere() -> None:
    server = Server()
    async with listening(server) as port:
        with pytest.raises(ServerAway) as refused:
            await transport(f"smtp://ann:hush@{HOST}:{port}").send(mail(), PERSON)
    assert str(refused.value) == "the server refuses to sign in (535)"
    assert server.came == []


class Refusing:
    """A server that refuses the commands that it is given answers for; `greeting` is one."""

    def __init__(self, **answers: str) -> None:
        self._answers = answers

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = "greeting"
        try:
            while True:
                usual = "220 ready" if command == "greeting" else "250 OK"
                writer.write(f"{self._answers.get(command, usual)}\r\n".encode())
                await writer.drain()
                if not (line := await reader.readline()):
                    return
                command = line[:4].decode().lower()
        except ConnectionError:
            return
        finally:
            writer.close()


async def send_refused(**answers: str) -> Exception:
    """Return the error of a mail to a server that gives these answers."""
    server = await asyncio.start_server(Refusing(**answers).talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises((MailDelayed, MailRefused, ServerAway)) as raised:
            await transport(f"smtp://127.0.0.1:{port}").send(mail(), PERSON)
    finally:
        server.close()
    return raised.value


@pytest.mark.parametrize(
    "answers",
    [
        {"greeting": "554 no service"},
        {"ehlo": "550 not you", "helo": "550 not you"},
        {"mail": "530 sign in first"},
        {"mail": "553 not your address"},
        {"rcpt": "530 sign in first"},
        {"data": "530 sign in first"},
    ],
    ids=str,
)
async def test_a_server_that_refuses_every_mail_is_away(answers: dict[str, str]) -> None:
    assert isinstance(await send_refused(**answers), ServerAway)


@pytest.mark.parametrize(
    "answers", [{"mail": "452 no room"}, {"rcpt": "450 later"}, {"data": "451 later"}], ids=str
)
async def test_a_mail_that_is_delayed_itself_is_tried_again(answers: dict[str, str]) -> None:
    assert isinstance(await send_refused(**answers), MailDelayed)


@pytest.mark.parametrize(
    "answers",
    [{"mail": "552 too large"}, {"rcpt": "550 nobody here"}, {"data": "554 looks like spam"}],
    ids=str,
)
async def test_a_mail_that_is_refused_itself_is_not_tried_again(answers: dict[str, str]) -> None:
    assert isinstance(await send_refused(**answers), MailRefused)


async def test_an_address_that_cannot_be_sent_is_refused() -> None:
    server = Server()
    async with listening(server) as port:
        with pytest.raises(MailRefused) as refused:
            await transport(f"smtp://{HOST}:{port}").send(mail("jörg@example.org"), PERSON)
    assert "jörg" not in str(refused.value)
    assert server.came == []
