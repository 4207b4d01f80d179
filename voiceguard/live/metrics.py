"""Prometheus metrics of one service; no label holds a call or a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families


class Metrics:
    """One registry per application, so that two in one process (tests) do not share counts."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.calls_live = Gauge("voiceguard_calls_live", "Calls with an open stream.", registry=registry)
        self.calls = Counter("voiceguard_calls", "Calls that ended.", ["reason"], registry=registry)
        self.refused = Counter("voiceguard_streams_refused", "Streams closed for the peer's fault.", ["code"],
                               registry=registry)
        self.connections_refused = Counter(
            "voiceguard_connections_refused", "Connections cut or refused by a limit.", ["reason"], registry=registry
        )
        self.strangers = Gauge("voiceguard_strangers", "Connections for which no stream or live feed is open.",
                               registry=registry)
        self.reported = Counter("voiceguard_stream_faults_reported", "Faults that platforms told us of.", ["code"],
                                registry=registry)
        self.beside = Counter("voiceguard_start_entries_unread", "Entries beside calls that were passed over.",
                              ["kind"], registry=registry)
        self.windows = Counter("voiceguard_windows", "Windows answered.", ["task", "outcome"], registry=registry)
        self.score_seconds = Histogram(
            "voiceguard_score_seconds", "From the audio that completed a window to its score.", ["task"],
            buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0), registry=registry,
        )
        self.drift = Gauge(
            "voiceguard_drift_psi", "Population stability index of what the detector hears, against its training.",
            ["quantity"], registry=registry,
        )
        self.decisions = Counter("voiceguard_decisions", "Decisions told.", ["tier", "decision"], registry=registry)
        self.orphans = Counter("voiceguard_handovers_orphaned", "Handovers that nobody held.", ["tier"],
                               registry=registry)
        self.orders = Counter("voiceguard_orders_heard", "Texts that hold an order to the system.", ["source"],
                              registry=registry)
        self.masked = Counter("voiceguard_masked", "Personal data masked in transcripts and screened texts.", ["kind"],
                              registry=registry)
        self.leaks = Counter("voiceguard_leaks", "Personal data in outbound texts that no fact covers.", ["kind"],
                             registry=registry)
        self.media_ms = Counter("voiceguard_media_faults_milliseconds", "Audio lost, repeated or late.", ["kind"],
                                registry=registry)
        self.provider_refused = Counter(
            "voiceguard_provider_sign_ins_refused", "Sign-ins by the identity provider that were refused.",
            registry=registry,
        )
        self.bus_up = Gauge("voiceguard_bus_up", "1 while the other workers can be reached.", registry=registry)
        self.bus_dropped = Gauge("voiceguard_bus_dropped", "Messages between workers that were lost or refused.",
                                 registry=registry)
        self.outcomes = Gauge(
            "voiceguard_outcomes_per_1000", "What came of the calls of the last seven days; in one worker.",
            ["measure"], registry=registry,
        )
        self.webhooks = Counter("voiceguard_webhook_tries", "Messages to subscribers that were tried.", ["outcome"],
                                registry=registry)
        self.store_errors = Counter("voiceguard_store_errors", "Writes that the store refused.", registry=registry)
        self.job_errors = Counter("voiceguard_job_errors", "Turns of jobs that failed.", ["job"], registry=registry)
        self.worker_errors = Counter("voiceguard_worker_errors", "Faults that a worker survived.", ["worker"],
                                     registry=registry)

    def text(self) -> str:
        """Prometheus text format."""
        return generate_latest(self.registry).decode()


class _OfWorkers:
    """The metrics of several workers, each with the worker's name as a label."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for worker, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples.extend(
                    sample._replace(labels={**sample.labels, "worker": worker}) for sample in family.samples
                )
        yield from families.values()


def merged(texts: Mapping[str, str]) -> str:
    """One text of several workers' metrics; `texts`: worker to its own text."""
    registry = CollectorRegistry()
    registry.register(_OfWorkers(texts))
    return generate_latest(registry).decode()
