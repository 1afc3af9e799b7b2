"""`rostra serve` sends its traces to a collector that OpenTelemetry's variables name."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from support.running import Rostra

CONVERSATION = Path(__file__).parents[2] / "infra" / "demo" / "conversation.ndjson"


class Collector(ThreadingHTTPServer):
    """Takes what is sent by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.paths: set[str] = set()
        self.service_names: set[str] = set()
        self.spans: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.paths.add(self.path)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for one in resource.resource.attributes:
                if one.key == "service.name":
                    self.server.service_names.add(one.value.string_value)
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(ExportTraceServiceResponse().SerializeToString())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


@pytest.mark.slow
def test_spans_arrive_the_last_ones_too(folder: Path) -> None:
    with collecting() as collector:
        rostra = Rostra(folder / "data", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        service = rostra.serve()
        rostra.publish(service, CONVERSATION)
        service.get("/v1/sites/rostra/discussions", wait=5)
        assert service.stop() == 0
    names = {span.name for span in collector.spans}
    assert collector.paths == {"/v1/traces"}
    assert collector.service_names == {"rostra"}
    assert names >= {
        "POST /v1/events",
        "GET /v1/sites/{site}/discussions",
        "GET /readyz",
        "rostra.append",
        "rostra.project",
    }
    asked = {span.span_id: span for span in collector.spans if span.name.startswith("POST")}
    appends = [span for span in collector.spans if span.name == "rostra.append"]
    for append in appends:
        assert asked.keys() & {append.parent_span_id, *(link.span_id for link in append.links)}


@pytest.mark.slow
def test_a_collector_that_is_away_holds_nobody_up(folder: Path) -> None:
    rostra = Rostra(
        folder / "data",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_TIMEOUT="2",
    )
    with rostra.serving() as service:
        counted = rostra.publish(service, CONVERSATION)
        assert counted["recorded"] and not counted["rejected"]
        assert service.stop() == 0


def test_without_an_exporter_nothing_of_it_is_imported(folder: Path) -> None:
    look = (
        "import asyncio, sys, rostra_adapters\n"
        "from rostra_adapters.http import HttpSettings, make_app\n"
        "async def main():\n"
        "    async with rostra_adapters.open('memory:') as app:\n"
        "        make_app(app, HttpSettings(secret='s' * 32))\n"
        "asyncio.run(main())\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    ran = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"


def test_an_exporter_that_is_not_there_stops_the_start(folder: Path) -> None:
    rostra = Rostra(folder / "data", OTEL_TRACES_EXPORTER="pigeon")
    ran = rostra.run("serve", "--port", "0")
    assert ran.code == 1
    assert "pigeon" in ran.err
    assert "Traceback" not in ran.err
