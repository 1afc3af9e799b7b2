"""From a CloudEvent (1.0, structured, JSON) to the command that it publishes.

The envelope's extension attributes, `subject`, `datacontenttype` and `dataschema` are passed
over. `data` must fit the command of the event's type, or `data_base64` must hold such JSON.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from operator import or_
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Raw

from rostra.commands import COMMANDS, AnyCommand, Commanded
from rostra.events import CommandContext
from rostra.fields import URI_REFERENCE, EventName, SourceUri
from rostra.limits import TIME_AHEAD_SECONDS_MAX
from rostra.refusals import Fault, Malformed, Refusal
from rostra.times import Time, later, parse_time, surely_ours
from rostra.wire import strict_json
from rostra.wire.plain_types import without_patterns

FAULTS_MAX = 20
FAULT_CHARACTERS_MAX = 300
FIELD_NAME_CHARACTERS_MAX = 200
T = TypeVar("T")
UNKNOWN_FIELDS_BYTES_MAX = 8 * 1024
"""Greatest size of a body whose unknown fields are all named; of a longer one, only the first."""


class Envelope(msgspec.Struct, gc=False):
    """Attributes of a CloudEvent that Rostra reads. `null` means absent."""

    specversion: Literal["1.0"]
    id: EventName
    source: SourceUri
    type: str
    time: str | None = None
    data: Raw = Raw()
    data_base64: str | None = None


class _Plain(msgspec.Struct, tag_field="type", kw_only=True, gc=False):
    """An event whose text fits by its characters, without its data."""

    specversion: Literal["1.0"]
    id: without_patterns(EventName)  # type: ignore[valid-type]  # made of the same definition
    source: without_patterns(SourceUri, (URI_REFERENCE,))  # type: ignore[valid-type]
    time: str | None = None
    data: Any
    data_base64: None = None


class _Name(msgspec.Struct, gc=False):
    id: Any = None


_is_uri_reference = re.compile(URI_REFERENCE).match
_envelope = msgspec.json.Decoder(Envelope)
_name = msgspec.json.Decoder(_Name)
_fields = msgspec.json.Decoder(dict[str, Raw])
_commands = {name: msgspec.json.Decoder(command) for name, command in COMMANDS.items()}
_plain_types: list[Any] = [
    msgspec.defstruct(
        f"Plain{command.__name__}",
        [("data", without_patterns(command))],
        bases=(_Plain,),
        tag=name,
        kw_only=True,
        gc=False,
    )
    for name, command in COMMANDS.items()
]
_any_plain: Any = reduce(or_, _plain_types)
_plain: "msgspec.json.Decoder[_Plain]" = msgspec.json.Decoder(_any_plain)
_plains: "msgspec.json.Decoder[list[_Plain]]" = msgspec.json.Decoder(list[_any_plain])


def plain_command(event: bytes, now: Time) -> Commanded | None:
    """Return the command of an event that is plain and valid, None for any other event.

    `command` decodes the others, and names their faults.
    """
    if not _is_plain(event) or strict_json.brackets(event) >= strict_json.NESTING_MAX:
        return None
    try:
        return _plain_commands([_plain.decode(event)], now)[0]
    except (msgspec.DecodeError, RecursionError, Refusal):
        return None


def plain_commands(batch: bytes, now: Time) -> list[Commanded] | None:
    """Return the commands of an array of events where each is plain and fits, else None."""
    if not _is_plain(batch):
        return None
    try:
        events = _plains.decode(batch)
        return None if _is_nested(batch, events) else _plain_commands(events, now)
    except (msgspec.DecodeError, RecursionError, Refusal):
        return None


def plain_lines(lines: Sequence[bytes], now: Time) -> list[Commanded] | None:
    """Return the commands of lines where each is an event that is plain and fits, else None.

    Each is decoded by itself: lines that are joined may hold one event in two of them.
    """
    joined = b"".join(lines)
    if not _is_plain(joined):
        return None
    decode = _plain.decode
    try:
        events = [decode(line) for line in lines]
        return None if _is_nested(joined, events) else _plain_commands(events, now)
    except (msgspec.DecodeError, RecursionError, Refusal):
        return None


def _is_nested(json: bytes, events: Sequence[_Plain]) -> bool:
    """Return whether events may hold arrays and objects in each other, more than may be."""
    others = strict_json.brackets(json) - sum([_BRACKETS[one.data.topic] for one in events])
    return others >= strict_json.NESTING_MAX - max(_BRACKETS.values())


_BRACKETS = {name: 3 if name == "comment.posted" else 2 for name in COMMANDS}
"""The fewest brackets of an event of each type: its own, its data's, and the author's."""


def _is_plain(json: bytes) -> bool:
    """Return whether JSON holds nothing that a pattern of `fields.IMPLIED_PATTERNS` forbids.

    Unescaped control characters are not JSON.
    """
    return (
        json.isascii()
        and b"\\" not in json
        and b"\x7f" not in json
        and b"@" not in json
        and b'"*"' not in json
    )


def _plain_commands(events: Sequence[_Plain], now: Time) -> list[Commanded]:
    """Return the commands of plain events. Raises Malformed and the Refusal `time-ahead`."""
    commands, source = [], None
    for event in events:
        if event.source != source:
            source = event.source
            if _is_uri_reference(source) is None:
                raise Malformed(Fault("source", "must be a URI reference"))
        time = event.time
        if time is None:
            time = now
        elif time > now or not surely_ours(time):
            time = time_of_event(time, now)
        act = CommandContext(event.source, event.id, Time(time))
        commands.append(Commanded(event.data, act, is_checked=True))
    return commands


def command(event: bytes | Raw, now: Time) -> Commanded:
    """Return the command that an event publishes.

    `event` is JSON that `strict_json` has checked. Raises Malformed, or the Refusals `unknown-type`
    and `time-ahead`.
    """
    return plain_command(bytes(event), now) or exact_command(event, now)


def exact_command(event: bytes | Raw, now: Time) -> Commanded:
    """Return the command of an event, decoded by types that check every pattern and name faults."""
    try:
        envelope = _envelope.decode(event)
    except msgspec.ValidationError as error:
        raise Malformed(*_faults(Envelope, event, "", error)) from None
    return _commanded(envelope, now)


def command_of_parts(attributes: Mapping[str, str], data: bytes, now: Time) -> Commanded:
    """Return the command of an event in binary mode, whose attributes are apart from its data.

    Raises NotJson, Malformed, and the Refusals `unknown-type` and `time-ahead`.
    """
    strict_json.value(data)
    try:
        envelope = msgspec.convert(attributes, Envelope)
    except msgspec.ValidationError:
        return command(msgspec.json.encode({**attributes, "data": Raw(data)}), now)
    envelope.data = Raw(data)
    return _commanded(envelope, now)


def event_name(event: bytes | Raw) -> str | None:
    """Return the id of an event that may be invalid otherwise; None if it has none."""
    try:
        found = _name.decode(event).id
    except msgspec.ValidationError:
        return None
    return found if isinstance(found, str) and found else None


def _commanded(envelope: Envelope, now: Time) -> Commanded:
    time = now if envelope.time is None else time_of_event(envelope.time, now)
    decoder = _commands.get(envelope.type)
    if decoder is None:
        raise Refusal("unknown-type", f"there is no type {envelope.type[:200]!r}")
    data = _data(envelope)
    try:
        decoded: AnyCommand = decode(decoder, data)
    except msgspec.ValidationError as error:
        raise Malformed(*_faults(COMMANDS[envelope.type], data, "data", error)) from None
    return Commanded(decoded, CommandContext(envelope.source, envelope.id, time), is_checked=True)


def time_of_event(text: str, now: Time | None) -> Time:
    """Return the time of an event, which is at most a few minutes ahead of `now`.

    Raises Malformed and the Refusal `time-ahead`.
    """
    try:
        time = parse_time(text)
    except ValueError as error:
        raise Malformed(Fault("time", str(error))) from None
    if now is not None and time > now and time > later(now, TIME_AHEAD_SECONDS_MAX):
        ahead = f"{time} is more than {TIME_AHEAD_SECONDS_MAX} s ahead of {now}"
        raise Refusal("time-ahead", ahead)
    return time


def decode(decoder: "msgspec.json.Decoder[T]", json: bytes | Raw) -> T:
    """Decode JSON in which a number such as `1.0` is an integer. Raises ValidationError."""
    try:
        return decoder.decode(json)
    except msgspec.ValidationError as error:
        if "got `float`" not in str(error):
            raise
    return decoder.decode(strict_json.with_integers(json))


def _data(envelope: Envelope) -> bytes | Raw:
    given = bytes(envelope.data) not in (b"", b"null")
    if envelope.data_base64 is None:
        if not given:
            raise Malformed(Fault("data", "is missing"))
        return envelope.data
    if given:
        raise Malformed(Fault("data_base64", "is given beside `data`"))
    try:
        data = b64decode(envelope.data_base64, validate=True)
        strict_json.value(data)
    except (binascii.Error, strict_json.NotJson) as error:
        raise Malformed(Fault("data_base64", f"does not hold JSON: {error}")) from None
    return data


# -- saying what does not fit


def faults(
    kind: type[msgspec.Struct], json: bytes | Raw, error: msgspec.ValidationError
) -> list[Fault]:
    """Return the fields of a body that do not fit, at most `FAULTS_MAX`."""
    return _faults(kind, json, "", error)


def _faults(
    kind: type[msgspec.Struct], json: bytes | Raw, at: str, error: msgspec.ValidationError
) -> list[Fault]:
    """Return the fields that do not fit; msgspec's error names the first alone."""
    try:
        given = _known_fields(kind).decode(json)
    except msgspec.ValidationError:
        return [fault_of(error, at)]
    found = []
    for field in msgspec.structs.fields(kind):
        name, raw = field.encode_name, getattr(given, field.name)
        if bytes(raw):
            found += _fault_of(raw, field.type, _inside(at, name))
        elif field.required:
            found.append(Fault(_inside(at, name), "is missing"))
    if kind.__struct_config__.forbid_unknown_fields:
        found += _unknown_fields(kind, json, at, error)
    return found[:FAULTS_MAX] or [fault_of(error, at)]


@cache
def _known_fields(kind: type[msgspec.Struct]) -> "msgspec.json.Decoder[msgspec.Struct]":
    """Return a decoder of the kind's fields as JSON, empty where one is missing."""
    fields = msgspec.structs.fields(kind)
    names = {field.name: field.encode_name for field in fields}
    raw = msgspec.defstruct("Known", [(name, Raw, Raw()) for name in names], rename=names, gc=False)
    return msgspec.json.Decoder(raw)


def _unknown_fields(
    kind: type[msgspec.Struct], json: bytes | Raw, at: str, error: msgspec.ValidationError
) -> list[Fault]:
    if len(bytes(json)) > UNKNOWN_FIELDS_BYTES_MAX:
        return (
            [fault_of(error, at)] if str(error).startswith("Object contains unknown field") else []
        )
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    unknown = [name for name in _fields.decode(json) if name not in known]
    return [
        Fault(_inside(at, name[:FIELD_NAME_CHARACTERS_MAX]), "is not a field of this")
        for name in unknown[:FAULTS_MAX]
    ]


def _fault_of(json: Raw, kind: Any, at: str) -> list[Fault]:
    try:
        msgspec.json.decode(json, type=kind)
    except msgspec.ValidationError as error:
        return [fault_of(error, at)]
    return []


def _inside(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def fault_of(error: msgspec.ValidationError, at: str) -> Fault:
    """Split msgspec's `Expected … - at `$.author.id`` into path and message."""
    message, _, place = str(error).partition(" - at `$")
    path = f"{at}{place.rstrip('`')}"[:FAULT_CHARACTERS_MAX].lstrip(".")
    if missing := _MISSING.fullmatch(message):
        return Fault(_inside(path, missing[1]), "is missing")
    if named := _NAMED.fullmatch(message):
        return Fault(_inside(path, named[1]), named[2])
    return Fault(path, words(message[:FAULT_CHARACTERS_MAX]))


_MISSING = re.compile(r"Object missing required field `(.*)`")
_NAMED = re.compile(r"`(\w+)` ((?:is|must|lies|cannot) .*)", re.DOTALL)
_PATTERNS = (
    # part of a pattern in `rostra.fields` | its meaning
    (r"[Hh][Tt]", "must be an absolute http or https URL"),
    (r"x9f@]", "must not be empty, nor hold control characters or an `@`"),
    (r"%[0-9A-Fa-f]{2}", "must be a URI reference"),
    (r"x20", "must not be empty, nor hold control characters or blanks"),
    (r"x1f", "must not be empty, nor hold control characters"),
    (r"[^\\s", "must not be blank, nor hold NUL"),
    (r"x00", "must not hold NUL"),
)


def words(message: str) -> str:
    """Return msgspec's message, with a regular expression replaced by its meaning."""
    if "matching regex" in message:
        for part, said in _PATTERNS:
            if part in message:
                return said
    return f"{message[:1].lower()}{message[1:]}"
