"""OpenTelemetry traces, exported if the standard OTEL_… variables name an exporter.

Each request is a span that continues the caller's trace. An append to the log serves many requests:
its span is a child of the only request, or links to all of them. Each page of the log that is
projected is a trace of its own. Without an exporter no module of OpenTelemetry is imported.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
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
"""Entry point of the exporter for each OTLP protocol."""
GROUP = "opentelemetry_traces_exporter"
"""Group of entry points in which exporters are registered."""
NAME = "rostra"
LINKS_MAX = 128
"""Most links of a span, the default limit of OpenTelemetry's SDK."""
SERVER_ERROR = 500
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NAMELESS, OTHER = "HTTP", "_OTHER"
"""Replacements of any other method: in a span's name, and as `http.request.method`."""

Callers = tuple["SpanContext", ...]
"""Spans of the requests on whose behalf a task works."""

_callers: "ContextVar[Callers]" = ContextVar("rostra_callers", default=())


class Tracing:
    """Spans of requests and of the work done for them, sent to one provider."""

    def __init__(self, provider: "TracerProvider") -> None:
        from importlib.metadata import version

        from opentelemetry import context, propagate, trace

        self._trace = trace
        self._context = context.Context
        self._extract = propagate.extract
        self._tracer = provider.get_tracer(NAME, version(NAME))

    def start_request(self, method: str, path: str, headers: Mapping[str, str]) -> "Span":
        """Start the span of an incoming request and make it the running task's only caller.

        Its parent is read from the `traceparent` in `headers`.
        """
        span = self._tracer.start_span(
            _known(method, NAMELESS),
            self._extract(headers, self._context()),
            self._trace.SpanKind.SERVER,
            {"http.request.method": _known(method, OTHER), "url.path": path},
        )
        _callers.set((span.get_span_context(),) if span.is_recording() else ())
        return span

    def end_request(self, span: "Span", method: str, route: str, status: int) -> None:
        """End a request's span with its route and status; from 500 on it counts as an error."""
        if span.is_recording():
            span.update_name(f"{_known(method, NAMELESS)} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            if status >= SERVER_ERROR:
                span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    @contextmanager
    def span(self, name: str, callers: Iterable["SpanContext"], about: Any) -> Iterator[None]:
        """Record the block as a span: a child of the only caller, else the root of a new trace.

        A root links to its callers, at most `LINKS_MAX`. `about` are the span's attributes.
        """
        some = list(islice({one.span_id: one for one in callers}.values(), LINKS_MAX))
        within = self._context()
        if len(some) == 1:
            alone = self._trace.NonRecordingSpan(some[0])
            within = self._trace.set_span_in_context(alone, within)
        links = [self._trace.Link(one) for one in some] if len(some) > 1 else []
        with self._tracer.start_as_current_span(name, within, links=links, attributes=about):
            yield


def traceparent(span: "Span") -> str:
    """Return a span's `traceparent` header (W3C Trace Context, version 00)."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


# -- the tracing of this process

_tracing: Tracing | None = None


def tracing() -> Tracing | None:
    """Return the process's tracing; None if no traces are exported."""
    return _tracing


def callers() -> Callers:
    """Return the spans on whose behalf the running task works."""
    return _callers.get()


def set_callers(callers: Iterable["SpanContext"]) -> None:
    """Set the spans on whose behalf the running task works from now on."""
    _callers.set(tuple(callers))


def span(
    name: str, callers: Iterable["SpanContext"] = (), **about: Any
) -> AbstractContextManager[None]:
    """Record the block as the span `rostra.NAME`; do nothing if no traces are exported.

    Each keyword in `about` becomes the attribute `rostra.KEYWORD`.
    """
    if _tracing is None:
        return nullcontext()
    named = {f"rostra.{key}": value for key, value in about.items()}
    return _tracing.span(f"rostra.{name}", callers, named)


@contextmanager
def export_to(provider: "TracerProvider") -> Iterator[None]:
    """Send spans to a provider while the block runs; the caller shuts it down."""
    global _tracing  # noqa: PLW0603  # as OpenTelemetry has one for the process
    before, _tracing = _tracing, Tracing(provider)
    try:
        yield
    finally:
        _tracing = before


# -- configuration by environment variables


def exporter_names(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the exporters that the variables configure.

    `OTEL_TRACES_EXPORTER` names them; an OTLP endpoint alone means `otlp`. The list is empty if
    neither is set, or if `OTEL_SDK_DISABLED` is true.
    """
    if environment.get(DISABLED, "").strip().lower() == "true":
        return []
    named = [name.strip() for name in environment.get(EXPORTERS, "").split(",") if name.strip()]
    if not named and any(environment.get(endpoint) for endpoint in ENDPOINTS):
        named = ["otlp"]
    return [name for name in named if name != "none"]


def make_provider(names: Iterable[str]) -> "TracerProvider":
    """Return a provider that sends spans to the named exporters in batches.

    Each exporter reads its own OTEL_… variables. Raises TracingError if OpenTelemetry or an
    exporter is not installed, or an exporter refuses its variables.
    """
    from importlib.metadata import version  # slow, and of no other use

    try:
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise TracingError(
            "traces need OpenTelemetry, which is not installed: pip install 'rostra[otel]'"
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
    from importlib.metadata import entry_points

    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise TracingError(
            f"trace exporter {name!r} is not installed: install it, or change {EXPORTERS}"
        )
    try:
        return found[0].load()()
    except (ImportError, ValueError) as error:
        raise TracingError(f"trace exporter {name!r} cannot be started: {error}") from None


def _known(method: str, otherwise: str) -> str:
    return method if method in METHODS else otherwise
