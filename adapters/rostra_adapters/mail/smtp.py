"""Hand mails to an SMTP server."""

import asyncio
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
import msgspec

from rostra_adapters.application.notify.sender import MailDelayed, MailRefused, ServerAway

PERMANENT = 500
SIGN_IN_FIRST = 530
ABOUT_SIZE = {452, 552}
"""Codes for a mail that is too large, now or for good."""
PORTS = {"smtp": 25, "smtps": 465}


class SmtpServer(msgspec.Struct, frozen=True):
    """An SMTP server, as a URL names it: smtp[s]://user:password@host:port."""

    host: str
    port: int
    username: str | None
    password: str | None
    is_tls: bool
    """TLS from the first byte; without it STARTTLS is used where the server offers it."""


def server_of(url: str) -> SmtpServer:
    """Return the server of a URL. Raises ValueError, without the password in its text."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("the mail URL is not of the form smtp[s]://user:password@host:port")
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        is_tls=parts.scheme == "smtps",
    )


class SmtpTransport:
    """`application.notify.sender.MailTransport`: a connection for each mail."""

    def __init__(self, server: SmtpServer, timeout_seconds: float) -> None:
        self._server = server
        self._timeout_seconds = timeout_seconds

    async def send(self, mail: EmailMessage, _: UUID, /) -> None:
        server = self._server
        (sender,), (recipient,) = mail["From"].addresses, mail["To"].addresses
        options = [] if recipient.addr_spec.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.is_tls,
            start_tls=False if server.is_tls else None,
            timeout=self._timeout_seconds,
        )
        try:
            await _connect(client)
            # aiosmtplib would write a message by a policy of its own, so it gets bytes.
            content = mail.as_bytes()
            await client.sendmail(
                sender.addr_spec, [recipient.addr_spec], content, mail_options=options
            )
            _quit(client)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [one.code for one in error.recipients]
            if SIGN_IN_FIRST in codes:
                raise ServerAway(f"the server asks to sign in ({SIGN_IN_FIRST})") from None
            if all(code >= PERMANENT for code in codes):
                raise MailRefused(f"the server refuses the recipient ({codes[0]})") from None
            raise MailDelayed(f"the server delays the recipient ({codes[0]})") from None
        except aiosmtplib.SMTPNotSupported:
            raise MailRefused("the server takes no addresses beyond ASCII") from None
        except aiosmtplib.SMTPHeloError as error:
            raise ServerAway(f"the server refuses the connection ({error.code})") from None
        except aiosmtplib.SMTPResponseException as error:
            is_sender = isinstance(error, aiosmtplib.SMTPSenderRefused) and not options
            if is_sender and error.code not in ABOUT_SIZE:  # it would refuse every mail
                raise ServerAway(f"the server refuses the sender ({error.code})") from None
            if error.code == SIGN_IN_FIRST:
                raise ServerAway(f"the server asks to sign in ({error.code})") from None
            if error.code >= PERMANENT:
                raise MailRefused(f"the server refuses the mail ({error.code})") from None
            raise MailDelayed(f"the server delays the mail ({error.code})") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailDelayed(f"{type(error).__name__}: the mail server broke off") from None
        except ValueError:
            raise MailRefused("the address cannot be sent to a mail server") from None
        finally:
            client.close()


async def _connect(client: aiosmtplib.SMTP) -> None:
    """Connect and sign in. Raises ServerAway: the server has not seen the mail yet."""
    try:
        await client.connect()
    except aiosmtplib.SMTPAuthenticationError as error:
        raise ServerAway(f"the server refuses to sign in ({error.code})") from None
    except aiosmtplib.SMTPResponseException as error:
        raise ServerAway(f"the server refuses the connection ({error.code})") from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise ServerAway(f"{type(error).__name__}: the mail server is not there") from None


def _quit(client: aiosmtplib.SMTP) -> None:
    """Say QUIT without waiting for an answer: the mail was accepted, whatever follows."""
    if isinstance(client.transport, asyncio.WriteTransport):
        client.transport.write(b"QUIT\r\n")
