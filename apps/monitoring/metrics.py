"""Figures for Prometheus: what web processes counted, and what the database says at the scrape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from apps.answers.client import look
from apps.catalog.services import registry as solutions
from apps.jobs.models import Job
from apps.jobs.queues import processes, queues
from apps.monitoring import readings
from apps.monitoring.models import Kind
from apps.monitoring.requests import add_up
from apps.monitoring.storage import disk

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Values = Iterable[tuple[Iterable[Any], float]]


def exposition(accept: str) -> tuple[bytes, str]:
    """Return all figures and their content type, as the asking program likes it."""
    encode, content_type = choose_encoder(accept)
    everything = CollectorRegistry()
    everything.register(House())
    add_up(everything)
    return encode(everything), content_type


class House(Collector):
    """Gauges that are true for the installation, whichever process is asked."""

    def collect(self) -> Iterable[Metric]:
        """Read the rows; nothing is kept between two scrapes."""
        yield _gauge("assay_info", "Version.", ["version"], [([settings.ASSAY_VERSION], 1)])
        counted = Job.objects.order_by().values_list("state", "kind").annotate(Count("pk"))
        yield _gauge(
            "assay_jobs", "Jobs by state and kind.", ["state", "kind"],
            [((state, kind), n) for state, kind, n in counted],
        )  # fmt: skip
        yield from _work()
        yield from _storage()
        yield from _state()


def _work() -> Iterable[Metric]:
    heard = processes()
    now = timezone.now()
    found = queues(heard)
    for name, words, values in (
        ("waiting", "Jobs that wait.", [q.n_waiting for q in found]),
        ("running", "Jobs that run.", [q.n_running for q in found]),
        ("oldest_seconds", "Age of the oldest waiting job.", [q.oldest_s for q in found]),
        ("workers", "Workers that serve it.", [len(q.workers) for q in found]),
    ):
        rows = [([queue.name], value) for queue, value in zip(found, values, strict=True)]
        yield _gauge(f"assay_queue_{name}", words, ["queue"], rows)
    yield _gauge(
        "assay_process_silent_seconds", "Time since a worker or the beat was heard of.",
        ["kind", "name"], [((p.kind, p.name), (now - p.seen_at).total_seconds()) for p in heard],
    )  # fmt: skip
    yield _gauge(
        "assay_process_memory_bytes", "Memory of a worker or the beat, without its pool.",
        ["kind", "name"], [((p.kind, p.name), p.memory_mb * 2**20) for p in heard],
    )  # fmt: skip


def _storage() -> Iterable[Metric]:
    room = disk()
    yield _gauge("assay_disk_free_bytes", "Room on the disk of the files.", [], [([], room.free)])
    yield _gauge("assay_disk_bytes", "Size of the disk of the files.", [], [([], room.total)])
    reading = readings.newest(Kind.STORAGE)
    if reading is None:
        return
    facts = reading.facts
    for by in ("kind", "team"):
        rows = [([key], n) for key, n in facts[f"by_{by}"].items()]
        yield _gauge(f"assay_storage_{by}_bytes", f"Stored bytes by {by}.", [by], rows)
    for name, words in (
        ("n_orphans", "Files that belong to nothing."), ("n_missing", "Files that are gone."),
    ):  # fmt: skip
        yield _gauge(f"assay_storage_{name[2:]}", words, [], [([], facts[name])])
    yield _gauge(
        "assay_storage_measured_timestamp_seconds", "When storage was measured.",
        [], [([], reading.at.timestamp())],
    )  # fmt: skip


def _state() -> Iterable[Metric]:
    told = look()
    is_up = float(told is not None)
    yield _gauge("assay_models_up", "Whether the model process answers.", [], [([], is_up)])
    n_loaded = len(told["models"]) if told else 0
    yield _gauge("assay_models_loaded", "Models in its memory.", [], [([], n_loaded)])
    yield from _served(told["serving"] if told else [])
    n_broken = len(solutions().broken)
    yield _gauge("assay_solutions_broken", "Solutions out of use.", [], [([], n_broken)])
    chain = readings.newest(Kind.CHAIN)
    if chain is not None:
        facts = chain.facts
        whole = float(facts["is_whole"])
        yield _gauge("assay_audit_chain_whole", "1 while no link is bad.", [], [([], whole)])
        n_events = facts["n_events"]
        yield _gauge("assay_audit_events", "Events up to the first bad.", [], [([], n_events)])
        yield _gauge(
            "assay_audit_verified_timestamp_seconds", "When the chain was walked.",
            [], [([], chain.at.timestamp())],
        )  # fmt: skip


def _served(found: list[dict[str, Any]]) -> Iterable[Metric]:
    """Yield how the loaded models do, each since it was loaded."""
    for name, words, key in (
        ("waiting", "Rows that wait for it.", "n_waiting"),
        ("answered", "Rows that it answered.", "n_answered"),
        ("refused", "Rows for which it had no room, or no time.", "n_refused"),
        ("batches", "Batches in which it answered.", "n_batches"),
        ("best_batch_size", "Rows that it takes at once, at most.", "best_size"),
        ("p99_ms", "Latency of 99 of 100 of its last answers.", "p99_ms"),
        ("budget_ms", "What that should be.", "latency_budget_ms"),
    ):
        rows = [((one["solution"], one["model"]), one[key]) for one in found]
        yield _gauge(f"assay_model_{name}", words, ["solution", "model"], rows)


def _gauge(name: str, words: str, labels: list[str], values: Values) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for keys, value in values:
        family.add_metric([str(key) for key in keys], float(value))
    return family
