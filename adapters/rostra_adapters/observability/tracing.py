"""Traces (OpenTelemetry), where the standard OTEL_… variables name an exporter.

A request is a span, which goes on with the caller's trace. What many requests wait for together
is one that names them all: an append to the log. And so is each page of the log that is projected.
Without an exporter nothing of OpenTelemetry is imported.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import entry_points, version
from itertools import islice
from typing import TYPE_CHECKING, Any

from rostra_adapters.errors import TracingError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanContext

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTERS = "OTEL_TRACES_EXPORTER"
DISABLED = "OTEL_SDK_DISABLED"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
OTLP = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
GROUP = "opentelemetry_traces_exporter"
NAME = "rostra"
LINKS_MAX = 128
SERVER_ERROR = 500
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NAMELESS, OTHER = "HTTP", "_OTHER"
"""What OpenTelemetry calls a method that is none of these, in a name and as an attribute."""

Callers = tuple["SpanContext", ...]
"""The spans that wait for something."""

_callers: "ContextVar[Callers]" = ContextVar("rostra_callers", default=())


class Tracing:
    """The spans of one provider."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import context, propagate, trace

        self._trace = trace
        self._context = context.Context
        self._extract = propagate.extract
        self._tracer = provider.get_tracer(NAME, version(NAME))

    def request(self, method: str, path: str, headers: Mapping[str, str]) -> "Span":
        """A request that has come in; what is done for it from here on is done for its span."""
        span = self._tracer.start_span(
            _known(method, NAMELESS),
            self._extract(headers, self._context()),
            self._trace.SpanKind.SERVER,
            {"http.request.method": _known(method, OTHER), "url.path": path},
        )
        _callers.set((span.get_span_context(),) if span.is_recording() else ())
        return span

    def answered(self, span: "Span", method: str, route: str, status: int) -> None:
        """The end of a request."""
        if span.is_recording():
            span.update_name(f"{_known(method, NAMELESS)} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            if status >= SERVER_ERROR:
                span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    @contextmanager
    def span(self, name: str, callers: Iterable["SpanContext"], about: Any) -> Iterator[None]:
        """Of one request alone a part of it; of several, or of none, a trace of its own."""
        some = list(islice({one.span_id: one for one in callers}.values(), LINKS_MAX))
        within = self._context()
        if len(some) == 1:
            alone = self._trace.NonRecordingSpan(some[0])
            within = self._trace.set_span_in_context(alone, within)
        links = [self._trace.Link(one) for one in some] if len(some) > 1 else []
        with self._tracer.start_as_current_span(name, within, links=links, attributes=about):
            yield


def traceparent(span: "Span") -> str:
    """As W3C has it."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


# -- the one that is in use, if any

_tracing: Tracing | None = None


def tracing() -> Tracing | None:
    """None where nothing is exported."""
    return _tracing


def callers() -> Callers:
    """For whom the running task does what it does."""
    return _callers.get()


def work_for(those: Iterable["SpanContext"]) -> None:
    """From here on the running task works for those."""
    _callers.set(tuple(those))


@contextmanager
def span(name: str, callers: Iterable["SpanContext"] = (), **about: Any) -> Iterator[None]:
    """A span of what is done within, with what is said about it; nothing where none is wanted."""
    if _tracing is None:
        yield
        return
    named = {f"rostra.{key}": value for key, value in about.items()}
    with _tracing.span(f"rostra.{name}", callers, named):
        yield


@contextmanager
def using(provider: "TracerProvider") -> Iterator[None]:
    """Spans go to a provider of one's own."""
    global _tracing  # noqa: PLW0603  # as OpenTelemetry has one for the process
    before, _tracing = _tracing, Tracing(provider)
    try:
        yield
    finally:
        _tracing = before


# -- what the variables ask for


def wanted(environment: Mapping[str, str]) -> list[str]:
    """The exporters, by their names; none where none is configured."""
    if environment.get(DISABLED, "").strip().lower() == "true":
        return []
    named = [name.strip() for name in environment.get(EXPORTERS, "").split(",") if name.strip()]
    if not named and any(environment.get(endpoint) for endpoint in ENDPOINTS):
        named = ["otlp"]
    return [name for name in named if name != "none"]


def provider_of(names: Iterable[str]) -> "TracerProvider":
    """It sends to the exporters by their names, configured by their own variables. Raises
    TracingError."""
    try:
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise TracingError(
            "traces need more than is installed: pip install 'rostra[otel]'"
        ) from None
    resource = Resource.create().merge(Resource({SERVICE_VERSION: version(NAME)}))
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: NAME}))
    exporters = [_exporter(name) for name in names]
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _exporter(name: str) -> Any:
    if name == "otlp":
        given = [os.environ[one] for one in PROTOCOLS if os.environ.get(one)]
        protocol = given[0] if given else "http/protobuf"
        name = OTLP.get(protocol, protocol)
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise TracingError(f"no exporter of traces named {name} is installed")
    try:
        return found[0].load()()
    except (ImportError, ValueError) as error:
        raise TracingError(f"the exporter of traces {name}: {error}") from None


def _known(method: str, otherwise: str) -> str:
    return method if method in METHODS else otherwise
