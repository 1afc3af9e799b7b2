"""Sentences of mails and of the pages that their links open, by language.

Each language is a file of `languages/`. What depends on a number has a text for each plural form of
the language, as CLDR names them.
"""

from functools import cache
from importlib import resources

import msgspec
from babel.core import Locale

RIGHT_TO_LEFT = frozenset({"ar"})
FALLBACK = "en"


class MailTexts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sentences of one language. `{name}`, `{title}` and `{count}` are filled in."""

    reply: str
    mention: str
    passage: str
    moderation: str
    subscription: str
    digest: dict[str, str]
    """Subject of a mail with several notices, by plural form."""
    on: str
    """Line with the discussion's title."""
    read: str
    unsubscribe: str
    why: str
    confirm_subject: str
    confirm_why: str
    confirm: str
    unsubscribed: str
    confirmed: str
    invalid: str
    somebody: str
    """Name of a person without one."""


@cache
def languages() -> dict[str, MailTexts]:
    """Return the sentences of each language that there is, by its code."""
    folder = resources.files(__package__) / "languages"
    return {
        file.name.removesuffix(".json"): msgspec.json.decode(file.read_bytes(), type=MailTexts)
        for file in folder.iterdir()
    }


def texts_of(language: str | None) -> tuple[str, MailTexts]:
    """Return the nearest language there is, with its sentences; English for any other."""
    code = (language or "").lower().partition("-")[0]
    found = languages()
    return (code, found[code]) if code in found else (FALLBACK, found[FALLBACK])


def plural_text(forms: dict[str, str], code: str, count: int) -> str:
    """Return the text for a number, in the plural form that the language has for it."""
    form = Locale.parse(code).plural_form(count)
    return forms.get(form, forms["other"]).replace("{count}", str(count))


def direction_of(code: str) -> str:
    """Return the direction of a language's script, for the attribute `dir`."""
    return "rtl" if code in RIGHT_TO_LEFT else "ltr"
