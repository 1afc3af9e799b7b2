"""Query parameters: each parsed, bounded, and given once; others than those known are refused."""

from collections.abc import Collection
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web
from multidict import MultiMapping

from rostra.log import POSITION_MAX
from rostra.times import parse_time
from rostra.wire.cloudevents import words
from rostra_adapters.application.queries.requests import AsOf
from rostra_adapters.http.problems import Problem

T = TypeVar("T")

AS_OF = "as_of"
NUMBER_CHARACTERS_MAX = 20
_REPLACED, _REPLACED_ESCAPED = "\ufffd", "%EF%BF%BD"


class Query:
    """One request's parameters. Each method raises the problem `bad-query`."""

    def __init__(self, request: web.Request, *, known: Collection[str]) -> None:
        self._query = request.query
        _check_utf_8(request.rel_url.raw_query_string, self._query)
        for name in self._query:
            if name not in known:
                raise _bad(name[:100], "is not a parameter of this")

    def all(self, name: str, kind: Any) -> list[Any]:
        """Every value of a parameter that may be repeated, each of a msgspec type."""
        return [_fitting(name, value, kind) for value in self._query.getall(name, [])]

    def one(self, name: str, kind: Any) -> Any:
        """Return a parameter's value as a msgspec type; None if it is absent."""
        given = self.all(name, kind)
        if len(given) > 1:
            raise _bad(name, "is given more than once")
        return given[0] if given else None

    def require(self, name: str, kind: Any) -> Any:
        found = self.one(name, kind)
        if found is None:
            raise _bad(name, "is missing")
        return found

    def number(self, name: str, *, default: int, least: int = 0, most: int = POSITION_MAX) -> int:
        """Return a whole number in decimal digits; without it the default, at most `most`."""
        text = self.one(name, str)
        if text is None:
            return min(default, most)
        digits = text.isascii() and text.isdigit() and len(text) <= NUMBER_CHARACTERS_MAX
        if not digits or not least <= int(text) <= most:
            raise _bad(name, f"must be a whole number from {least} to {most}")
        return int(text)

    def seconds(self, name: str, *, default: float, most: float) -> float:
        """Return a number of seconds; without it the default, at most `most`."""
        text = self.one(name, str)
        if text is None:
            return min(default, most)
        try:
            found = float(text)
        except ValueError:
            found = -1.0
        if not 0 <= found <= most:  # false for NaN too
            raise _bad(name, f"must be a number of seconds from 0 to {most:g}")
        return found

    def flag(self, name: str) -> bool:
        """Return a parameter that is `true` or `false`; false if it is absent."""
        text: str | None = self.one(name, str)
        if text not in (None, "true", "false"):
            raise _bad(name, "must be `true` or `false`")
        return text == "true"

    def as_of(self) -> AsOf | None:
        """`as_of`: a position, or a time."""
        text = self.one(AS_OF, str)
        if text is None or (text.isascii() and text.isdigit()):
            return None if text is None else self.number(AS_OF, default=0)
        try:
            return parse_time(text)
        except ValueError as error:
            raise _bad(AS_OF, f"must be a position or a time: {error}") from None

    def uuid(self, name: str) -> UUID | None:
        text = self.one(name, str)
        try:
            return None if text is None else UUID(text)
        except ValueError:
            raise _bad(name, "must be a UUID") from None


def _fitting(name: str, value: str, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _bad(name, words(str(error))) from None


def _check_utf_8(raw: str, query: MultiMapping[str]) -> None:
    """Refuse a query with bytes that are not UTF-8. Raises the problem `bad-query`.

    aiohttp turns each such byte into a replacement character, so that different names would be
    equal. Replacement characters that the client wrote are accepted.
    """
    found = sum(name.count(_REPLACED) + value.count(_REPLACED) for name, value in query.items())
    written = raw.count(_REPLACED) + raw.upper().count(_REPLACED_ESCAPED)
    try:
        raw.encode()
    except UnicodeError:
        found = -1
    if found != written:
        raise Problem("bad-query", "the query is not UTF-8")


def _bad(name: str, message: str) -> Problem:
    return Problem("bad-query", f"`{name}` {message}")
