"""Text for terminals and logs: control characters escaped, passwords hidden."""

import re
from unicodedata import category

MASK = "***"
LINE_BREAKS = "\n\t"
"""Characters that messages of several lines pass to `visible` as `keep`."""

_SCHEME_AND_USER = r"([A-Za-z][\w+.-]*://[^:@/?#\s]*):"
_PASSWORD_OF_URL = re.compile(_SCHEME_AND_USER + r".*@", re.DOTALL)
_PASSWORD_IN_TEXT = re.compile(_SCHEME_AND_USER + r"\S*@")
_PASSWORD_PARAMETER = re.compile(r"(password=)[^&#\s'\"]*", re.IGNORECASE)


def url_without_password(url: str) -> str:
    """Return a URL with `***` in place of its password, also where it cannot be parsed."""
    return _PASSWORD_PARAMETER.sub(rf"\1{MASK}", _PASSWORD_OF_URL.sub(rf"\1:{MASK}@", url))


def without_passwords(text: str) -> str:
    """Return a text in which every URL has `***` in place of its password."""
    return _PASSWORD_PARAMETER.sub(rf"\1{MASK}", _PASSWORD_IN_TEXT.sub(rf"\1:{MASK}@", text))


def visible(text: str, *, keep: str = "") -> str:
    r"""Return a text with every character that could steer a terminal escaped as `\u001b`.

    Those are control characters, line breaks, marks of direction and lone surrogates, except for
    the characters in `keep`.
    """
    if text.isprintable():
        return text
    return "".join(one if one in keep or _is_shown(one) else _escaped(one) for one in text)


def visible_json(data: bytes) -> bytes:
    """Return the same JSON value with the characters that `visible` escapes written as `\\u…`.

    `data` is compact JSON, in which such characters occur only inside strings.
    """
    if data.isascii() and b"\x7f" not in data:
        return data
    return visible(data.decode(errors="replace")).encode()


def _is_shown(character: str) -> bool:
    return character.isprintable() or category(character) == "Zs"


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
