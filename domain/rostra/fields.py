"""The kinds of text that commands carry, each with its limit."""

import re
from typing import Annotated

from msgspec import Meta

from rostra import limits
from rostra.anchoring.normalise import Folded
from rostra.names import has_visible

PLAIN = r"\A[^\x00-\x1f\x7f-\x9f]+\Z"
_PLAIN_SITE = r"\A(?!\*\Z)[^\x00-\x1f\x7f-\x9f]+\Z"
_PLAIN_WITHOUT_AT = r"\A[^\x00-\x1f\x7f-\x9f@]+\Z"
URI_REFERENCE = r"\A(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+\Z"
_WEB_URL = r"\A[Hh][Tt][Tt][Pp][Ss]?://[^\x00-\x20\x7f-\x9f/?#\\@:][^\x00-\x1f\x7f-\x9f]*\Z"
_WITHOUT_NUL = r"\A[^\x00]*\Z"
_BODY = r"\A(?=[^\x00]*[^\s\x00])[^\x00]*\Z"

SiteName = Annotated[
    str,
    Meta(
        max_length=limits.SITE_CHARACTERS_MAX,
        pattern=_PLAIN_SITE,
        description="Any name but `*`, which means every site in tokens.",
    ),
]
Resource = Annotated[str, Meta(max_length=limits.RESOURCE_CHARACTERS_MAX, pattern=PLAIN)]
Key = Annotated[str, Meta(max_length=limits.KEY_CHARACTERS_MAX, pattern=PLAIN)]
PersonId = Annotated[
    str,
    Meta(
        max_length=limits.PERSON_CHARACTERS_MAX,
        pattern=_PLAIN_WITHOUT_AT,
        description="A pseudonym: an e-mail address is refused.",
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARACTERS_MAX)]
Email = Annotated[str, Meta(max_length=limits.EMAIL_CHARACTERS_MAX, pattern=PLAIN)]
Title = Annotated[str, Meta(max_length=limits.TITLE_CHARACTERS_MAX, pattern=_WITHOUT_NUL)]
Url = Annotated[
    str,
    Meta(
        max_length=limits.URL_CHARACTERS_MAX,
        pattern=_WEB_URL,
        description="Absolute, and http or https.",
    ),
]
Reason = Annotated[str, Meta(max_length=limits.REASON_CHARACTERS_MAX, pattern=_WITHOUT_NUL)]
Erased = Annotated[
    bool, Meta(description="True in the feed where the words were erased. Then no words are given.")
]
Language = Annotated[
    str,
    Meta(
        max_length=limits.LANGUAGE_CHARACTERS_MAX,
        pattern=r"\A[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*\Z",
        description="A language tag (BCP 47), for example `de-AT`.",
    ),
]
TimeZone = Annotated[
    str,
    Meta(
        max_length=limits.TIME_ZONE_CHARACTERS_MAX,
        pattern=r"\A[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*\Z",
        description="IANA's name of a time zone, for example `Europe/Vienna`.",
    ),
]
Until = Annotated[str, Meta(description="A time (RFC 3339); null for no end.")]
Hour = Annotated[int, Meta(ge=0, le=23)]
Question = Annotated[str, Meta(max_length=limits.QUESTION_CHARACTERS_MAX, pattern=_WITHOUT_NUL)]
Body = Annotated[
    str,
    Meta(
        max_length=limits.BODY_BYTES_MAX,
        pattern=_BODY,
        description="Holds a visible character; the limit is in bytes of UTF-8.",
    ),
]
Quote = Annotated[
    str, Meta(min_length=1, max_length=limits.QUOTE_CHARACTERS_MAX, pattern=_WITHOUT_NUL)
]
Context = Annotated[str, Meta(max_length=limits.CONTEXT_CHARACTERS_MAX, pattern=_WITHOUT_NUL)]
Article = Annotated[
    str, Meta(max_length=limits.ARTICLE_BYTES_MAX, description="The limit is in bytes of UTF-8.")
]
Offset = Annotated[int, Meta(ge=0, lt=2**31)]
SourceUri = Annotated[
    str, Meta(min_length=1, max_length=limits.SOURCE_CHARACTERS_MAX, pattern=URI_REFERENCE)
]
EventName = Annotated[
    str, Meta(min_length=1, max_length=limits.EVENT_CHARACTERS_MAX, pattern=PLAIN)
]

IMPLIED_PATTERNS = frozenset({PLAIN, _PLAIN_SITE, _PLAIN_WITHOUT_AT, _WITHOUT_NUL, _BODY})
"""Patterns that a text of printable ASCII without `@` fits unless it is empty or `*`, or a body of
blanks alone."""


def web_url(url: str | None) -> str | None:
    """Return the URL if it may be used in a link, None for any other.

    The log holds URLs from before they were checked.
    """
    return url if url is not None and re.match(_WEB_URL, url) else None


def check_article(field: str, article: str) -> None:
    """Raise ValueError if an article has too many bytes."""
    if len(article.encode()) > limits.ARTICLE_BYTES_MAX:
        raise ValueError(f"`{field}` is longer than {limits.ARTICLE_BYTES_MAX} bytes of UTF-8")


def check_quote(exact: str) -> None:
    """Raise ValueError if a quote has no visible character."""
    if not Folded(exact).text.strip():
        raise ValueError("`exact` must not be blank")


def check_body(body: str) -> None:
    """Raise ValueError if a body has too many bytes or nothing that a reader can see."""
    if not has_visible(body):
        raise ValueError("`body` must not be blank")
    if len(body.encode()) > limits.BODY_BYTES_MAX:
        raise ValueError(f"`body` is longer than {limits.BODY_BYTES_MAX} bytes of UTF-8")
