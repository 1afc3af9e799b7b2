"""Command types without patterns, for JSON whose characters cannot break the patterns.

Patterns are most of the cost of decoding. A type without patterns is a subclass of the original
type and is generated from the same definition.
"""

import re
from collections.abc import Collection
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from rostra.commands import Author, Command
from rostra.fields import IMPLIED_PATTERNS


def without_patterns(kind: Any, patterns: Collection[str] = IMPLIED_PATTERNS) -> Any:
    """Return a type that does not check `patterns`, but refuses an empty text if they do.

    Only the structs of commands and authors are replaced.
    """
    if isinstance(kind, type) and issubclass(kind, Command | Author):
        return _twin(kind, patterns)
    if get_origin(kind) is Annotated:
        base, *metas = get_args(kind)
        return Annotated[(base, *(_without_pattern(meta, patterns) for meta in metas))]
    if get_origin(kind) in (Union, UnionType):
        return reduce(or_, (without_patterns(one, patterns) for one in get_args(kind)))
    return kind


def _twin(kind: type[msgspec.Struct], patterns: Collection[str]) -> type[msgspec.Struct]:
    changed: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(kind):
        plain = without_patterns(field.type, patterns)
        if plain is not field.type:
            default = msgspec.field(name=field.encode_name, default=field.default)
            changed.append((field.name, plain, default))
    return msgspec.defstruct(kind.__name__, changed, bases=(kind,), frozen=True, kw_only=True)


def _without_pattern(meta: Any, patterns: Collection[str]) -> Any:
    if not isinstance(meta, Meta) or meta.pattern is None or meta.pattern not in patterns:
        return meta
    least = meta.min_length or (0 if re.match(meta.pattern, "") else 1)
    return Meta(min_length=least, max_length=meta.max_length)
