"""Mails from notices: plain text and HTML, with the headers that mail programs ask for."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2
import msgspec

from rostra_adapters.application.notify.addresses import encode_domain
from rostra_adapters.application.notify.outbox import Notice, Reason
from rostra_adapters.application.notify.texts import (
    MailTexts,
    direction_of,
    plural_text,
    texts_of,
)
from rostra_adapters.clock import moment

LINES_MAX = 12
LINE_CHARACTERS_MAX = 300
SUBJECT_CHARACTERS_MAX = 150
UNSUBSCRIBE_HEADER = "List-Unsubscribe"
URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"
"""Characters of URLs that are not escaped. All others but letters and digits are."""


class AddressUnusable(ValueError):
    """A recipient's address cannot be written in a header."""


class MailItem(msgspec.Struct, frozen=True):
    """A notice with its words, opened for one mail."""

    notice: Notice
    author: str | None
    """None where the comment is not to be shown: a decision of the moderators."""
    body: str | None
    title: str | None
    url: str | None
    """Address of the comment."""


class _MailPolicy(EmailPolicy):
    """Policy that leaves the link of `List-Unsubscribe` as it is, however long.

    Python's own would encode it, and mail programs would find no link.
    """

    def fold(self, name: str, value: str) -> str:
        if name == UNSUBSCRIBE_HEADER:
            return f"{name}: {value}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        if name == UNSUBSCRIBE_HEADER:
            return self.fold(name, value).encode()
        return super().fold_binary(name, value)


class _Shown(msgspec.Struct, frozen=True):
    headline: str
    title: str | None
    lines: list[str]
    url: str | None


class MailOrigin(msgspec.Struct, frozen=True):
    """Sender of all mails, for example of `News <comments@example.org>`."""

    sender: str

    @property
    def address(self) -> Address:
        """Return the sender's name and address. Raises ValueError for an invalid one."""
        name, address = parseaddr(self.sender)
        username, _, domain = address.rpartition("@")
        if not username:
            raise ValueError(f"{self.sender!r} holds no e-mail address")
        if not username.isascii():
            raise ValueError(f"the sender {self.sender!r} is not ASCII before the @")
        try:
            domain = encode_domain(domain)
        except ValueError as error:
            raise ValueError(f"the sender {self.sender!r} is not valid: {error}") from None
        return Address(display_name=name, username=username, domain=domain)

    @property
    def domain(self) -> str:
        return self.address.domain


def notice_mail(
    origin: MailOrigin,
    recipient: str,
    language: str | None,
    notices: Sequence[Notice],
    items: Sequence[MailItem],
    *,
    unsubscribe: str,
) -> EmailMessage:
    """Compose the mail of some notices to one person.

    The same notices make the same `Message-ID`, also when fewer of them are still to be shown.
    Raises AddressUnusable.
    """
    code, texts = texts_of(language)
    shown = [_shown(item, texts) for item in items]
    subject = shown[0].headline
    if len(items) > 1:
        subject = plural_text(texts.digest, code, len(items))
    mail = _mail(origin, recipient, subject, message_id(origin, notices))
    thread = items[0].notice.discussion
    if thread is not None:
        mail["In-Reply-To"] = mail["References"] = f"<discussion.{thread.hex}@{origin.domain}>"
    site = items[0].notice.site
    mail["List-Id"] = f"<{_list_name(site)}.{origin.domain}>"
    mail[UNSUBSCRIBE_HEADER] = f"<{unsubscribe}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    values = {"items": shown, "unsubscribe": unsubscribe}
    return _with_parts(mail, "mail", code, texts, subject, values)


def confirmation_mail(
    origin: MailOrigin, recipient: str, language: str | None, notice: Notice, *, confirm: str
) -> EmailMessage:
    """Compose the mail that asks to confirm an address. Raises AddressUnusable."""
    code, texts = texts_of(language)
    subject = texts.confirm_subject
    mail = _mail(origin, recipient, subject, message_id(origin, [notice]))
    return _with_parts(mail, "confirm", code, texts, subject, {"confirm": confirm})


def message_id(origin: MailOrigin, notices: Sequence[Notice]) -> str:
    """Return the `Message-ID` of a mail of these notices."""
    parts = sorted(f"{one.event.hex}.{one.person.hex}" for one in notices)
    return f"<{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:40]}@{origin.domain}>"


def _mail(origin: MailOrigin, recipient: str, subject: str, named: str) -> EmailMessage:
    to = _address(recipient)
    utf8 = not to.username.isascii()
    mail = EmailMessage(policy=_MailPolicy(linesep="\r\n", cte_type="7bit", utf8=utf8))
    mail["From"] = origin.address
    with _refused_addresses():
        mail["To"] = to
    # Mail programs would decode a word that looks encoded.
    mail["Subject"] = _one_line(subject.replace("=?", "= ?"), SUBJECT_CHARACTERS_MAX)
    mail["Date"] = format_datetime(moment())
    mail["Message-ID"] = named
    mail["Auto-Submitted"] = "auto-generated"
    return mail


@contextmanager
def _refused_addresses() -> Iterator[None]:
    """Raise AddressUnusable, without the address, for errors of Python's parser of headers."""
    try:
        yield
    except (AttributeError, IndexError, MessageError, ValueError):
        raise AddressUnusable("the address cannot be written in a mail") from None


def _address(recipient: str) -> Address:
    """Return an address whose domain is written in ASCII (IDNA)."""
    username, _, domain = recipient.rpartition("@")
    with suppress(ValueError):  # then the mail server says what it makes of it
        domain = encode_domain(domain)
    with _refused_addresses():
        return Address(username=username, domain=domain)


def _with_parts(
    mail: EmailMessage,
    template: str,
    code: str,
    texts: MailTexts,
    subject: str,
    values: dict[str, Any],
) -> EmailMessage:
    values = {**values, "texts": texts, "language": code, "subject": subject}
    values["direction"] = direction_of(code)
    mail.set_content(_templates().get_template(f"{template}.txt").render(values))
    html = _templates().get_template(f"{template}.html").render(values)
    mail.add_alternative(html, subtype="html")
    mail["Content-Language"] = code  # last: setting the content clears what is about it
    return mail


@cache
def _templates() -> jinja2.Environment:
    folder = resources.files(__package__) / "templates"
    sources = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    return jinja2.Environment(
        loader=jinja2.DictLoader(sources),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(item: MailItem, texts: MailTexts) -> _Shown:
    reason: Reason = item.notice.reason
    name = _one_line(item.author or texts.somebody, SUBJECT_CHARACTERS_MAX)
    sentence: str = getattr(texts, reason)
    return _Shown(
        headline=sentence.replace("{name}", name),
        title=None if item.title is None else _one_line(item.title, LINE_CHARACTERS_MAX),
        lines=_lines(item.body or ""),
        url=None if item.url is None else quote(item.url, safe=URL_CHARACTERS),
    )


def _lines(body: str) -> list[str]:
    lines = [line.rstrip() for line in body.strip().splitlines()]
    shown = [_one_line(line, LINE_CHARACTERS_MAX) for line in lines[:LINES_MAX]]
    return [*shown, "…"] if len(lines) > LINES_MAX else shown


def _one_line(text: str, characters_max: int) -> str:
    """Return a text without control and bidi characters, cut at a length."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= characters_max else f"{plain[: characters_max - 1]}…"


def _list_name(site: str) -> str:
    """Return a site's name as a part of a domain."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in site)
    return plain.strip("-").lower()[:60] or "site"
