"""`/metrics` for Prometheus: metrics of this process, the log and the views."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from rostra.log import LogUnavailable
from rostra_adapters.aio.background import restarts, running_tasks
from rostra_adapters.application.app import App
from rostra_adapters.application.notify.outbox import OutboxStatus
from rostra_adapters.application.ports import MeteredLog, ViewStore
from rostra_adapters.application.webhooks.registry import webhook_statuses
from rostra_adapters.clock import moment
from rostra_adapters.http.auth.addresses import Addresses
from rostra_adapters.http.gate import Gate
from rostra_adapters.http.middleware.page_cache import PageCache

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
EVENTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000, 4_000)
NO_ROUTE = "none"


class Metrics:
    """Metrics: those counted as things happen, and those computed for a scrape."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._measures: list[Callable[[], None]] = []
        self.registry = CollectorRegistry()
        self._requests = _Counts(
            "rostra_request_seconds", "Time to answer", SECONDS, ["method", "route", "status"]
        )
        self._append_events = _Counts("rostra_append_events", "Events of an append", EVENTS)
        self._append_seconds = _Counts("rostra_append_seconds", "Time of an append", SECONDS)
        for counts in (self._requests, self._append_events, self._append_seconds):
            self.registry.register(counts)
        self._up = Gauge("rostra_log_up", "Whether the database answers", registry=self.registry)
        self._head = Gauge("rostra_log_head", "The log's last position", registry=self.registry)
        self._queued = Gauge(
            "rostra_queued_events", "Events that wait to be appended", registry=self.registry
        )
        self._waiting = Gauge(
            "rostra_queued_commands", "Commands that wait to be decided", registry=self.registry
        )
        self._beat = Gauge(
            "rostra_heartbeat_age_seconds",
            "Age of the primary's heartbeat in the database that is read",
            registry=self.registry,
        )
        self._holes = Gauge(
            "rostra_log_holes", "Positions that will never be", registry=self.registry
        )
        self._lag = Gauge(
            "rostra_view_lag_events", "Events not read yet", ["view"], registry=self.registry
        )
        self._late = Gauge(
            "rostra_view_lag_seconds",
            "Age of the first event not read yet",
            ["view"],
            registry=self.registry,
        )
        self._parked = Gauge(
            "rostra_view_parked", "Discussions not followed", ["view"], registry=self.registry
        )
        self._silent = Gauge(
            "rostra_projector_silent_seconds",
            "Seconds since the last heartbeat of the process that projects",
            registry=self.registry,
        )
        self._since = Gauge(
            "rostra_projector_since_seconds",
            "Unix time at which a process began to project",
            ["process"],
            registry=self.registry,
        )
        self._rate = Gauge(
            "rostra_projector_events_per_second",
            "Rate of projecting between the last two heartbeats",
            registry=self.registry,
        )
        self._webhooks = Gauge(
            "rostra_webhooks", "Webhooks by state", ["state"], registry=self.registry
        )
        self._webhook_events = Gauge(
            "rostra_webhook_waiting_events",
            "Events that wait to be sent to webhooks",
            registry=self.registry,
        )
        self._webhook_failing = Gauge(
            "rostra_webhook_failing_seconds",
            "Longest time for which a webhook fails",
            registry=self.registry,
        )
        self._mails = _MailCounts()
        self.registry.register(self._mails)
        self._readers = Gauge(
            "rostra_readers", "Streams that are open", ["kind"], registry=self.registry
        )
        self.registry.register(_Foreign(app.views))
        self.registry.register(_BackgroundTasks())
        if isinstance(app.log, MeteredLog):
            app.log.observe_appends(self._appended)

    def before_looking(self, measure: Callable[[], None]) -> None:
        """Register a function that records pending measurements before metrics are read."""
        self._measures.append(measure)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record an answered request."""
        self._requests.observe(seconds, method, route, str(status))

    def count_readers(self, kind: str, count: Callable[[], int]) -> None:
        """Ask for the number of a kind whenever somebody looks."""
        self._readers.labels(kind).set_function(lambda: float(count()))

    def count_untrusted_headers(self, addresses: Addresses) -> None:
        """Show how many requests had forwarding headers from an untrusted address."""
        self.registry.register(_UntrustedHeaders(addresses))

    def count_connections(self, gate: Gate) -> None:
        """Show the connections that are open, and how many were refused."""
        self.registry.register(_ConnectionCounts(gate))

    def count_pages(self, pages: PageCache) -> None:
        """Register the metrics of the page cache."""
        self.registry.register(_PageCacheCounts(pages))

    async def get(self, _: web.Request) -> web.Response:
        """Answer with all metrics."""
        for measure in self._measures:
            measure()
        await self._look()
        body = generate_latest(self.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _appended(self, events: int, seconds: float) -> None:
        self._append_events.observe(events)
        self._append_seconds.observe(seconds)

    async def _look(self) -> None:
        log = self._app.log
        self._waiting.set(self._app.queued_commands)
        if isinstance(log, MeteredLog):
            self._queued.set(log.queued_events)
            self._holes.set(log.holes)
        try:
            status = await self._app.status()
            self._beat.set(await self._app.heartbeat_age())
            self._head.set(status.head)
            for view in status.views:
                self._lag.labels(view.name).set(view.lag)
                self._late.labels(view.name).set(view.lag_seconds)
                self._parked.labels(view.name).set(len(view.parked))
            if (projector := status.projector) is not None:
                self._silent.set(projector.silent_seconds)
                self._since.clear()
                name = f"{projector.host}:{projector.pid}"
                self._since.labels(name).set(projector.since.timestamp())
                self._rate.set(projector.events_per_second)
            await self._look_at_webhooks()
            self._mails.status = await self._app.outbox.status()
            self._up.set(1)
        except LogUnavailable:
            self._up.set(0)

    async def _look_at_webhooks(self) -> None:
        if self._app.webhooks is None or self._app.is_read_only:
            return
        webhooks, moment_now = await webhook_statuses(self._app), moment()
        for state in ("active", "disabled"):
            self._webhooks.labels(state).set(sum(one.state == state for one in webhooks))
        self._webhook_events.set(sum(one.waiting for one in webhooks))
        failing = [
            (moment_now - one.failing_since).total_seconds()
            for one in webhooks
            if one.failing_since is not None
        ]
        self._webhook_failing.set(max(failing, default=0.0))


class _Counts(Collector):
    """Histogram that one thread counts, without the locks of prometheus_client's own."""

    def __init__(
        self, name: str, meaning: str, bounds: Sequence[float], labels: Sequence[str] = ()
    ) -> None:
        self._name, self._meaning, self._labels = name, meaning, labels
        self._bounds = bounds
        self._counts: dict[tuple[str, ...], list[int]] = {}
        """By labels: values up to each bound, and those above all."""
        self._sums: Counter[tuple[str, ...]] = Counter()
        if not labels:
            self._counts[()] = self._nothing()

    def _nothing(self) -> list[int]:
        return [0] * (len(self._bounds) + 1)

    def observe(self, value: float, *labels: str) -> None:
        """Count a value."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = self._nothing()
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value  # type: ignore[assignment]  # its values may be any numbers

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(self._name, self._meaning, labels=self._labels)
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        for labels, counts in self._counts.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric(labels, buckets, self._sums[labels])
        yield family


class _MailCounts(Collector):
    """Mails of all processes, as the outbox counts them."""

    def __init__(self) -> None:
        self.status: OutboxStatus | None = None
        """State of the outbox at the last look."""

    def collect(self) -> Iterable[Metric]:
        """Yield all families, without values while nothing mails."""
        found = self.status
        sent = retried = given_up = waiting = age = None
        if found is not None:
            sent, retried, given_up = found.sent, found.retried, found.given_up
            waiting, age = found.waiting, 0.0
            if found.waiting_since is not None:
                age = max(0.0, (moment() - found.waiting_since).total_seconds())
        yield CounterMetricFamily("rostra_mails_sent", "Mails sent", sent)
        meaning = "Times that a mail was put off because of the mail server"
        yield CounterMetricFamily("rostra_mails_retried", meaning, retried)
        yield CounterMetricFamily("rostra_mails_given_up", "Mails given up", given_up)
        meaning = "Notices that wait to be mailed, also for a digest"
        yield GaugeMetricFamily("rostra_notices_waiting", meaning, waiting)
        yield GaugeMetricFamily(
            "rostra_notices_oldest_seconds", "Age of the oldest notice that waits", age
        )


class _Foreign(Collector):
    """Number of foreign events that the views pass over."""

    def __init__(self, views: ViewStore) -> None:
        self._views = views

    def collect(self) -> Iterable[Metric]:
        meaning = "Events of others in the log that were passed over"
        yield CounterMetricFamily("rostra_foreign_events", meaning, self._views.foreign)


class _BackgroundTasks(Collector):
    """Background tasks of the process."""

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily(
            "rostra_task_up", "0 after an error, until the next success", labels=["task"]
        )
        states: dict[str, bool] = {}
        for task in running_tasks():
            states[task.name] = task.error is None and states.get(task.name, True)
        for name, is_up in states.items():
            up.add_metric([name], is_up)
        yield up
        again = CounterMetricFamily(
            "rostra_task_restarts", "Times that a task began again after an error", labels=["task"]
        )
        for name, count in restarts().items():
            again.add_metric([name], count)
        yield again


class _UntrustedHeaders(Collector):
    """Requests whose forwarding headers were ignored."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def collect(self) -> Iterable[Metric]:
        meaning = "Requests with forwarding headers from an address that is not trusted"
        count = self._addresses.untrusted_headers
        yield CounterMetricFamily("rostra_untrusted_forwarding_headers", meaning, count)


class _ConnectionCounts(Collector):
    """Connections as their gate counts them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def collect(self) -> Iterable[Metric]:
        """Return the counts of now."""
        gate = self._gate
        yield GaugeMetricFamily("rostra_connections", "Open connections", gate.connections)
        meaning = "Connections beyond the limits"
        yield CounterMetricFamily("rostra_connections_refused", meaning, gate.refused)


class _PageCacheCounts(Collector):
    """Counters of a page cache, which counts itself since it is asked for every page."""

    def __init__(self, pages: PageCache) -> None:
        self._pages = pages

    def collect(self) -> Iterable[Metric]:
        pages = self._pages
        yield CounterMetricFamily("rostra_page_cache_hits", "Pages answered", pages.hits)
        yield CounterMetricFamily("rostra_page_cache_misses", "Pages not there", pages.misses)
        yield GaugeMetricFamily(
            "rostra_page_cache_bytes", "Size of the cached answers", pages.bytes
        )
