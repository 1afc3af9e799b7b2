"""Traces: what is exported of requests, of appends and of pages that are projected."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler
from opentelemetry.trace import SpanKind

from rostra_adapters.errors import TracingError
from rostra_adapters.observability import tracing
from support.service import STRUCTURED, Service, opened, posted, token

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CALLER}-01"


def provider(exporter: InMemorySpanExporter, sampler: Sampler | None = None) -> TracerProvider:
    made = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return made


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    with tracing.export_to(provider(exporter)):
        yield exporter


async def named(exporter: InMemorySpanExporter, name: str, count: int = 1) -> list[ReadableSpan]:
    """The spans of a name, once there are as many."""

    def found() -> list[ReadableSpan]:
        return [one for one in exporter.get_finished_spans() if one.name == name]

    async with asyncio.timeout(60):
        while len(found()) < count:  # noqa: ASYNC110  # another's
            await asyncio.sleep(0.01)
    return found()


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def publish(service: Service, one: dict[str, Any], **headers: str) -> Any:
    given = {"Content-Type": STRUCTURED, **headers}
    body = json.dumps(one).encode()
    return await service.ask("POST", "/v1/events", token=token(), headers=given, body=body)


async def test_a_request_goes_on_with_the_callers_trace_down_to_its_append(
    durable_service: Service, exported: InMemorySpanExporter
) -> None:
    answer = await publish(durable_service, opened(), traceparent=PARENT)
    [request] = await named(exported, "POST /v1/events")
    [append] = await named(exported, "rostra.append")
    assert request.parent and request.context and append.parent and append.context
    assert request.kind == SpanKind.SERVER
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == CALLER
    assert about(request) == {
        "http.request.method": "POST",
        "url.path": "/v1/events",
        "http.route": "/v1/events",
        "http.response.status_code": 201,
    }
    assert (append.context.trace_id, append.parent.span_id) == (
        request.context.trace_id,
        request.context.span_id,
    )
    assert about(append)["rostra.events"] == 1
    ours = f"00-{TRACE}-{request.context.span_id:016x}-01"
    assert answer.headers["traceparent"] == ours
    [line] = [line for line in await durable_service.lines() if line["method"] == "POST"]
    assert f"00-{line['trace_id']}-{line['span_id']}-01" == ours


async def test_an_append_for_several_requests_names_them_all(
    durable_service: Service, exported: InMemorySpanExporter
) -> None:
    await durable_service.given(opened())
    exported.clear()
    many = [publish(durable_service, posted(f"c{number}")) for number in range(30)]
    assert {answer.status for answer in await asyncio.gather(*many)} == {201}
    requests = await named(exported, "POST /v1/events", 30)
    appends = await named(exported, "rostra.append")
    assert len(appends) < 30
    assert sum(about(append)["rostra.events"] for append in appends) == 30
    waited: list[int] = []
    for append in appends:
        waited += [link.context.span_id for link in append.links]
        if append.parent is not None:
            waited.append(append.parent.span_id)
            assert not append.links
    assert sorted(waited) == sorted(one.context.span_id for one in requests if one.context)


async def test_a_page_that_is_projected_is_a_span(
    durable_service: Service, exported: InMemorySpanExporter
) -> None:
    await durable_service.given(opened(), posted(), posted("c2"))
    await durable_service.app.wait(3, 60)
    pages = await named(exported, "rostra.project")
    assert sum(about(page)["rostra.events"] for page in pages) == 3
    assert about(pages[-1])["rostra.position"] == 3
    assert set(about(pages[-1])["rostra.views"]) >= {"comments", "discussions", "passages"}


async def test_a_page_out_of_the_cache_is_a_span_too(
    durable_service: Service, exported: InMemorySpanExporter
) -> None:
    [discussion] = await durable_service.given(opened())
    await durable_service.app.wait(1, 60)
    path = f"/v1/discussions/{discussion}/comments"
    while True:
        answer = await durable_service.ask("GET", path, headers={"traceparent": PARENT})
        assert answer.status == 200
        metrics = (await durable_service.ask("GET", "/metrics")).body.decode()
        if "rostra_page_cache_hits_total 0.0" not in metrics:
            break
    spans = await named(exported, "GET /v1/discussions/{id}/comments", 2)
    assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {TRACE}
    last = spans[-1].context
    assert last and answer.headers["traceparent"] == f"00-{TRACE}-{last.span_id:016x}-01"


async def test_what_breaks_here_is_an_error_and_what_a_client_does_is_none(
    service: Service, exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.ask("GET", "/nothing/here")
    [nothing] = await named(exported, "GET none")
    assert (about(nothing)["http.response.status_code"], nothing.status.is_ok) == (404, True)

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(service.app, "discussions", broken)
    await service.ask("GET", "/v1/sites/gazette/discussions")
    [span] = await named(exported, "GET /v1/sites/{site}/discussions")
    assert (about(span)["http.response.status_code"], span.status.is_ok) == (500, False)


async def test_a_trace_that_is_not_sampled_is_named_and_not_exported(
    durable_service: Service,
) -> None:
    exporter = InMemorySpanExporter()
    with tracing.export_to(provider(exporter, ParentBased(ALWAYS_OFF))):
        answer = await publish(durable_service, opened())
        version, trace, span, flags = answer.headers["traceparent"].split("-")
        assert (version, len(trace), len(span), int(flags, 16) & 1) == ("00", 32, 16, 0)
        await publish(durable_service, posted(), traceparent=PARENT)
        assert len(await named(exporter, "rostra.append")) == 1
        assert len(exporter.get_finished_spans()) == 2


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({}, []),
        ({"OTEL_SERVICE_NAME": "rostra"}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ["console", "otlp"]),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, []),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, []),
    ],
)
def test_an_exporter_is_configured_by_the_standard_variables(
    variables: dict[str, str], names: list[str]
) -> None:
    assert tracing.exporter_names(variables) == names


def test_an_exporter_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(TracingError, match="pigeon"):
        tracing.make_provider(["pigeon"])
