"""`POST /v1/events`: CloudEvents in, one result each."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import unquote_to_bytes
from uuid import UUID

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Raw

from rostra.commands import ConfigureSite, ErasePerson, ReturnPerson
from rostra.deciding.handle import Commanded, Outcome, answer_each
from rostra.log import LogBusy, LogUnavailable
from rostra.refusals import Refusal
from rostra.times import Time
from rostra.wire import cloudevents, strict_json
from rostra_adapters.application.app import App
from rostra_adapters.http import ndjson, sse
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.tokens import Token
from rostra_adapters.http.gate import limit_untaken
from rostra_adapters.http.messages import LINES, answer, body_of, check_encoding, media_type
from rostra_adapters.http.problems import Problem, ProblemShape, refusal_problem
from rostra_adapters.http.settings import HttpSettings

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
PLAIN = "application/json"
"""An event or an array of them; with `ce-` headers the data of an event in binary mode."""
BODIES = (STRUCTURED, BATCHED, PLAIN)
BINARY_PREFIX = "ce-"
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
JSON_BLANKS = b" \t\r\n"
ADMINS = frozenset(kind.topic for kind in (ConfigureSite, ErasePerson, ReturnPerson))
"""Event types that need the scope `admin`, and `publish` not."""
BUSY_RETRY_SECONDS = 0.1
REFUSED_AFTER_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class ResultShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Result of one event."""

    event: str | None
    status: str
    position: int | None = None
    id: UUID | None = None
    problem: ProblemShape | None = None


class BatchShape(msgspec.Struct, kw_only=True):
    """Results of a batch, in the order given.

    `position` is that of the batch's last recorded event, else the log's head.
    """

    position: int
    results: list[ResultShape]


class Publishing:
    """Route for events, in each of the modes of CloudEvents over HTTP."""

    def __init__(self, app: App, settings: HttpSettings, now: Callable[[], Time]) -> None:
        self._app = app
        self._settings = settings
        self._now = now
        self._streams: set[ndjson.LineStream] = set()

    async def stop(self, _: web.Application) -> None:
        """Stop reading streams when the service stops. Events that were read are answered."""
        for stream in self._streams:
            stream.stop()

    async def post(self, request: web.Request) -> web.StreamResponse:
        token = tokens.require_token(request, "publish", "admin")
        mode = media_type(request.headers.get(hdrs.CONTENT_TYPE, ""))
        if mode.name == LINES:
            return await self._lines(request, token)
        if mode.name not in BODIES or not mode.is_utf_8:
            detail = f"send {STRUCTURED}, {BATCHED}, {LINES} or {PLAIN}, in UTF-8"
            raise Problem("unsupported-media-type", detail)
        try:
            self._app.admit()  # before a body is read
        except LogBusy:
            # The queue may have room in a moment. A thousand connections that retry at once would
            # use the time of accepted requests.
            await asyncio.sleep(REFUSED_AFTER_SECONDS)
            self._app.admit()
        body = await body_of(request, self._settings.events_request_bytes_max)
        try:
            if mode.name == PLAIN and f"{BINARY_PREFIX}specversion" in request.headers:
                name, read = _read_parts(_attributes(request.headers), body, self._now())
            elif mode.name == BATCHED or (
                mode.name == PLAIN and body.lstrip(JSON_BLANKS).startswith(b"[")
            ):
                return await self._batched(request, token, body)
            else:
                name, read = _read_event(body, self._now())
        except strict_json.NotJson as error:
            raise Problem("not-json", str(error)) from None
        if isinstance(read, Commanded):
            read = _forbidden(read.command.site, read.command.topic, token) or read
        if isinstance(read, Refusal):
            raise self._problem(read)
        (outcome,) = await self._app.submit([read])
        if outcome.refusal is not None:
            raise self._problem(outcome.refusal)
        status = 201 if outcome.status == "recorded" else 200
        return self._answer(request, self._result(name, outcome), status=status)

    async def _batched(self, request: web.Request, token: Token, body: bytes) -> web.Response:
        names, read = _read_batch(body, self._now(), self._settings.batch_events_max)
        outcomes = await self._submit(_permitted(read, token))
        results = [
            self._result(name, outcome) for name, outcome in zip(names, outcomes, strict=True)
        ]
        recorded = [
            one.position
            for one in outcomes
            if one.status == "recorded" and one.position is not None
        ]
        position = max(recorded) if recorded else await self._app.head()
        return self._answer(request, BatchShape(position=position, results=results))

    # -- a stream of lines

    async def _lines(self, request: web.Request, token: Token) -> web.StreamResponse:
        """Handle a stream of events. An error after the answer has begun breaks it off.

        Results that were sent are final. Publishing the file again gives the results of the other
        lines.
        """
        check_encoding(request)
        if request.transport is not None:  # a client may read once it has sent everything
            limit_untaken(request.transport, 0)
        stream = ndjson.LineStream(
            request,
            lambda lines: self._line_results(lines, token),
            line_bytes_max=self._settings.line_of_events_bytes_max,
        )
        response = await sse.begin(request, LINES)
        self._streams.add(stream)
        try:
            with request.app[tokens.VERIFIER].watching(token, stream.stop):
                await stream.run(response)
        except* (ConnectionError, web.RequestPayloadError, sse.TooSlow):
            sse.cut(request)
        except* LogUnavailable:
            _logger.warning("a stream of events was ended: the database is away")
            sse.cut(request)
        except* Exception:
            _logger.exception("a stream of events was ended")
            sse.cut(request)
        finally:
            self._streams.discard(stream)
        return response

    async def _line_results(self, lines: Sequence[ndjson.LineBytes], token: Token) -> bytes:
        now = self._now()
        most = self._settings.line_of_events_bytes_max
        names, read = _read_lines(lines, now, bytes_max=most)
        outcomes = await self._submit_patiently(_permitted(read, token))
        results = [
            self._result(name, outcome) for name, outcome in zip(names, outcomes, strict=True)
        ]
        return b"".join(msgspec.json.encode(result) + b"\n" for result in results)

    async def _submit_patiently(self, events: Sequence[Commanded | Refusal]) -> list[Outcome]:
        """Submit events of a stream, and wait if the queue is full.

        An event that a failed attempt recorded is a duplicate to the next attempt.
        """
        patience = asyncio.get_running_loop().time() + self._settings.away_seconds_max
        while True:
            try:
                return await self._submit(events)
            except LogBusy:
                pass
            except LogUnavailable:
                if asyncio.get_running_loop().time() > patience:
                    raise
            await asyncio.sleep(BUSY_RETRY_SECONDS)

    def _submit(self, events: Sequence[Commanded | Refusal]) -> Awaitable[list[Outcome]]:
        """Submit what can be, in order, and give each its outcome."""
        return answer_each(events, self._app.submit)

    def _result(self, name: str | None, outcome: Outcome) -> ResultShape:
        problem = None
        if outcome.refusal is not None:
            problem = self._problem(outcome.refusal).shape()
            problem.status = UNSET
        return ResultShape(
            event=name,
            status=outcome.status,
            position=outcome.position,
            id=outcome.id,
            problem=problem,
        )

    def _problem(self, refusal: Refusal) -> Problem:
        return refusal_problem(refusal, retry_after_seconds=self._settings.retry_after_seconds)

    def _answer(
        self, request: web.Request, shape: ResultShape | BatchShape, *, status: int = 200
    ) -> web.Response:
        return answer(
            request,
            msgspec.json.encode(shape),
            status=status,
            headers={"Cache-Control": "no-store"},
            compressed_bytes_min=self._settings.compressed_bytes_min,
        )


_Named = tuple[str | None, Commanded | Refusal]
"""The id of an event, also where it does not fit otherwise, and what can be submitted of it."""


def _read_batch(
    body: bytes, now: Time, events_max: int
) -> tuple[Sequence[str | None], Sequence[Commanded | Refusal]]:
    """Return the ids of a batch's events, and each event's command or refusal.

    Raises NotJson, and the problems `not-an-array` and `too-large`.
    """
    commands = cloudevents.plain_commands(body, now)
    if commands is not None and len(commands) <= events_max:
        return [one.act.id for one in commands], commands
    try:
        events = strict_json.elements(body)
    except strict_json.NotAnArray as error:
        raise Problem("not-an-array", str(error)) from None
    if len(events) > events_max:
        raise Problem("too-large", f"a batch holds at most {events_max} events")
    read = [_read_element(event, now) for event in events]
    return [name for name, _ in read], [one for _, one in read]


def _read_lines(
    lines: Sequence[ndjson.LineBytes], now: Time, *, bytes_max: int
) -> tuple[Sequence[str | None], Sequence[Commanded | Refusal]]:
    """Return the ids of the events in lines, and what can be submitted of each."""
    whole = [line for line in lines if line is not None]
    commands = cloudevents.plain_lines(whole, now) if len(whole) == len(lines) else None
    if commands is not None:
        return [one.act.id for one in commands], commands
    read = [_read_line(line, now, bytes_max=bytes_max) for line in lines]
    return [name for name, _ in read], [one for _, one in read]


def _read_line(line: ndjson.LineBytes, now: Time, *, bytes_max: int) -> _Named:
    if line is None:
        return None, Refusal("too-large", f"a line has at most {bytes_max} bytes")
    try:
        return _read_event(line, now)
    except strict_json.NotJson as error:
        return None, Refusal("not-json", str(error))


def _read_event(body: bytes, now: Time) -> _Named:
    """Return the id of an event and its command. Raises NotJson."""
    plain = cloudevents.plain_command(body, now)
    if plain is not None:
        return plain.act.id, plain
    return _read_element(strict_json.value(body), now)


def _read_parts(attributes: Mapping[str, str], data: bytes, now: Time) -> _Named:
    """Return the id of an event in binary mode and its command. Raises NotJson."""
    name = attributes.get("id")
    try:
        return name, cloudevents.command_of_parts(attributes, data, now)
    except Refusal as refusal:
        return name, refusal


def _read_element(event: Raw, now: Time) -> _Named:
    try:
        commanded = cloudevents.command(event, now)
    except Refusal as refusal:
        return cloudevents.event_name(event), refusal
    return commanded.act.id, commanded


def _permitted(read: Sequence[Commanded | Refusal], token: Token) -> Sequence[Commanded | Refusal]:
    """Replace commands that the token may not publish by a refusal."""
    refusals: dict[tuple[str, str], Refusal | None] = {}
    permitted: list[Commanded | Refusal] = []
    for one in read:
        if isinstance(one, Commanded):
            kind = one.command.site, one.command.topic
            if kind not in refusals:
                refusals[kind] = _forbidden(*kind, token)
            permitted.append(refusals[kind] or one)
        else:
            permitted.append(one)
    return permitted


def _forbidden(site: str, topic: str, token: Token) -> Refusal | None:
    if not token.reaches(site):
        return Refusal("forbidden", f"the token is not for the site {site!r}")
    scope = "admin" if topic in ADMINS else "publish"
    if scope not in token.scopes:
        return Refusal("forbidden", f"the token does not have the scope `{scope}` for this type")
    return None


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of an event in binary mode (the HTTP binding, section 3.1.3.2).

    Raises the problem `bad-request`.
    """
    attributes: dict[str, str] = {}
    for name, value in headers.items():
        if not name.lower().startswith(BINARY_PREFIX):
            continue
        attribute = name[len(BINARY_PREFIX) :].lower()
        if attribute in attributes:
            raise Problem("bad-request", f"the header `{BINARY_PREFIX}{attribute}` is there twice")
        attributes[attribute] = _attribute(attribute, value)
    return attributes


def _attribute(name: str, value: str) -> str:
    """Return the value that a header carries: unquoted, then percent-decoded, as UTF-8."""
    if QUOTED.fullmatch(value):
        value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
    try:
        return unquote_to_bytes(value.encode(errors="surrogateescape")).decode()
    except UnicodeError:
        raise Problem("bad-request", f"the header `{BINARY_PREFIX}{name}` is not UTF-8") from None
