"""Mails as other programs read them: two parsers of mails, and one of HTML."""

import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID
from xml.etree.ElementTree import Element

import html5lib
import mailparser
import pytest
from babel.core import Locale

from rostra_adapters.application.notify.composing import (
    MailItem,
    MailOrigin,
    confirmation_mail,
    notice_mail,
)
from rostra_adapters.application.notify.outbox import Notice
from rostra_adapters.application.notify.texts import languages, plural_text
from support.mails import BASE

ORIGIN = MailOrigin("News <news@example.org>")
UNSUBSCRIBE = f"{BASE}/mail/abc"
WEB_LANGUAGES = Path(__file__).parents[2] / "adapters/rostra_adapters/web/languages"
PLACEHOLDER = re.compile(r"\{(\w+)\}")
HOSTILE = [
    "Eve\r\nBcc: eve@example.org",
    "Eve\nContent-Type: text/html\n\n<script>alert(1)</script>",
    "x" * 2_000,
    "\u202eevE\u2066 \u200f\u061c",
    "=?utf-8?q?=0d=0aBcc:_eve@example.org?=",
    '"><img src="https://evil.example/p.gif">',
    "日本語" * 300,
    "\x00\x1b[31m\x7f",
    "{title} {0.__class__} {{ 7 * 7 }} {% raw %}",
    "😀" * 500 + " \u2028 \u2029",
]


def notice(number: int = 1) -> Notice:
    return Notice(
        UUID(int=number), UUID(int=7), "gazette", "ann", "reply", UUID(int=8), UUID(int=number)
    )


def composed(
    text: str = "Trams are loud.", *, language: str = "en", count: int = 1, name: str = "Bob"
) -> EmailMessage:
    notices = [notice(number) for number in range(1, count + 1)]
    url = f"https://news.example/{text}"
    items = [MailItem(one, name, text, text, url) for one in notices]
    return notice_mail(ORIGIN, "ann@example.org", language, notices, items, unsubscribe=UNSUBSCRIBE)


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


def elements(html: str) -> Iterator[Element]:
    """Parse strictly, and yield every element."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    document: Element = parser.parse(html)
    yield from document.iter()


@pytest.mark.parametrize("language", sorted(languages()))
def test_both_parsers_read_the_same_mail(language: str) -> None:
    mail = composed(language=language, count=2)
    other = mailparser.parse_from_bytes(mail.as_bytes())
    assert other.subject == str(mail["Subject"])
    assert other.to == [("", "ann@example.org")]
    assert other.from_ == [("News", "news@example.org")]
    assert other.message_id == str(mail["Message-ID"])
    assert not other.defects
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert list(map(_lines, other.text_plain)) == [_lines(plain.get_content())]
    assert list(map(_lines, other.text_html)) == [_lines(html_of(mail))]
    assert other.headers["Content-Language"] == language
    assert other.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert other.headers["Auto-Submitted"] == "auto-generated"


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_make_no_header_and_no_element(text: str) -> None:
    plain = {one.tag for one in elements(html_of(composed()))}
    for mail in (composed(text, name=text), composed(name=text, count=2)):
        raw = mail.as_bytes()
        other = mailparser.parse_from_bytes(raw)
        names = {name.lower() for name in other.headers}
        assert names == {name.lower() for name in composed().keys()}  # noqa: SIM118
        assert mail["Bcc"] is None
        assert len(str(mail["Subject"])) <= 200
        assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
        found = list(elements(html_of(mail)))
        assert {one.tag for one in found} <= plain | {"br"}
        assert "49" not in html_of(mail) or "49" in text
        for letter in "\u202e\u2066\u200f\u061c\x1b\x00":
            assert letter not in html_of(mail)
            assert letter not in str(mail["Subject"])


def test_nothing_in_a_mail_is_remote() -> None:
    """Only links lead elsewhere, and they load nothing by themselves."""
    confirming = confirmation_mail(
        ORIGIN, "ann@example.org", "en", notice(), confirm=f"{BASE}/mail/xyz"
    )
    for mail in (composed(HOSTILE[5], count=3), confirming):
        loading = {"src", "srcset", "background", "poster", "data", "action"}
        for element in elements(html_of(mail)):
            assert loading.isdisjoint(element.attrib), element.tag
            assert "url(" not in element.attrib.get("style", "")
            assert ("href" in element.attrib) == (element.tag == "a")
            assert element.tag not in ("script", "style", "link", "img", "iframe", "object")
        types = [part.get_content_type() for part in mail.walk()]
        assert types == ["multipart/alternative", "text/plain", "text/html"]


def test_the_same_notices_make_the_same_message_id_though_fewer_are_shown() -> None:
    notices = [notice(1), notice(2)]
    items = [MailItem(one, "Bob", "Yes.", None, None) for one in notices]
    first, again = (
        notice_mail(ORIGIN, "ann@example.org", "en", order, shown, unsubscribe=UNSUBSCRIBE)
        for order, shown in ((notices, items), (notices[::-1], items[:1]))
    )
    assert first["Message-ID"] == again["Message-ID"]
    assert composed()["Message-ID"] != first["Message-ID"]


def test_mails_about_one_discussion_are_a_thread_of_a_list() -> None:
    one, other = composed(), composed("Trams are slow.", name="Cy")
    assert one["In-Reply-To"] == one["References"] == other["References"]
    assert one["In-Reply-To"] == f"<discussion.{UUID(int=8).hex}@example.org>"
    assert one["List-Id"] == "<gazette.example.org>"
    confirming = confirmation_mail(
        ORIGIN, "ann@example.org", "en", notice(), confirm=f"{BASE}/mail/xyz"
    )
    assert {"In-Reply-To", "List-Id", "List-Unsubscribe"}.isdisjoint(confirming.keys())


def test_the_link_to_unsubscribe_is_found_in_the_header_as_it_is() -> None:
    link = f"{BASE}/mail/{'A' * 700}"
    items = [MailItem(notice(), "Bob", "Yes.", None, None)]
    for address in ("ann@example.org", "jörg@example.org"):
        mail = notice_mail(ORIGIN, address, "en", [notice()], items, unsubscribe=link)
        lines = mail.as_bytes().split(b"\r\n")
        assert f"List-Unsubscribe: <{link}>".encode() in lines


# -- languages


def test_mails_speak_the_languages_of_the_reader() -> None:
    assert set(languages()) == {file.stem for file in WEB_LANGUAGES.glob("*.json")}


@pytest.mark.parametrize("code", sorted(languages()))
def test_a_language_is_complete(code: str) -> None:
    texts, english = languages()[code], languages()["en"]
    for field in texts.__struct_fields__:
        if field == "digest":
            continue
        text, other = getattr(texts, field), getattr(english, field)
        assert text.strip() == text != ""
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(other)), field
        assert code == "en" or text != other, field
    assert texts.digest.keys() == {*Locale.parse(code).plural_form.rules, "other"}


@pytest.mark.parametrize(
    ("code", "count", "text"),
    [
        ("en", 1, "1 new comment"),
        ("en", 2, "2 new comments"),
        ("pl", 2, "2 nowe komentarze"),
        ("pl", 5, "5 nowych komentarzy"),
        ("pl", 22, "22 nowe komentarze"),
        ("pl", 12, "12 nowych komentarzy"),
        ("ru", 21, "21 новый комментарий"),
        ("ru", 3, "3 новых комментария"),
        ("ru", 11, "11 новых комментариев"),
        ("ar", 2, "تعليقان جديدان"),
        ("ar", 5, "5 تعليقات جديدة"),
        ("ar", 100, "100 تعليق جديد"),
        ("fr", 2, "2 nouveaux commentaires"),
        ("ja", 2, "新しいコメント2件"),
    ],
)
def test_numbers_have_the_plural_form_of_the_language(code: str, count: int, text: str) -> None:
    assert plural_text(languages()[code].digest, code, count) == text


def test_arabic_is_written_from_right_to_left() -> None:
    assert '<html lang="ar" dir="rtl">' in html_of(composed(language="ar-EG"))
    assert '<html lang="en" dir="ltr">' in html_of(composed(language="xx"))


def test_a_sender_of_another_script_is_written_in_ascii() -> None:
    origin = MailOrigin("Nüws <comments@münchen.example>")
    items = [MailItem(notice(), "Bob", "Trams.", "Trams", "https://news.example/")]
    mail = notice_mail(origin, "ann@example.org", "en", [notice()], items, unsubscribe=UNSUBSCRIBE)
    assert mail.as_bytes().isascii()
    (sender,) = mail["From"].addresses
    assert sender.addr_spec == "comments@xn--mnchen-3ya.example"
    assert sender.display_name == "Nüws"


@pytest.mark.parametrize(
    "sender", ["News", "jörg@news.example", "c@münchen..example", "c@.", "@news.example"]
)
def test_a_sender_that_no_mail_can_have_is_refused(sender: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sender)):
        _ = MailOrigin(sender).address
