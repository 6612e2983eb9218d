"""What the dashboard tells a person: what waits, what runs, what came out, what is broken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from apps.accounts.policies import can
from apps.catalog.services import registry
from apps.datasets.models import Dataset, DatasetVersion, VersionState
from apps.inference.models import Prediction
from apps.jobs.models import Job, State
from apps.registry.models import ModelVersion, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from apps.accounts.models import User

RECENT = timedelta(days=7)
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list; `url` is where to go about it, `state` its badge if it has one."""

    title: str
    text: str
    url: str
    icon: str
    at: datetime | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the dashboard shows."""

    waiting: list[Line]
    running: list[Job]
    results: list[Line]
    live: list[Line]
    broken: list[Line]
    is_new: bool


def of(user: User) -> Overview:
    """Read the dashboard of a person, with a number of queries that does not grow."""
    running = running_jobs(user)
    has_data = Dataset.objects.visible_to(user).exists()
    return Overview(
        waiting=list(_waiting(user)),
        running=running,
        results=list(_results(user)),
        live=list(_live(user)),
        broken=list(_broken(user)),
        is_new=not (has_data or running),
    )


def running_jobs(user: User) -> list[Job]:
    """Return the jobs that run or wait for a worker, those that run first."""
    jobs = Job.objects.visible_to(user).open()
    # "running" sorts after "queued": the order of the words is the order that is wanted.
    return list(jobs.order_by("-state", "created_at")[:SHOWN])


def _waiting(user: User) -> Iterator[Line]:
    versions = DatasetVersion.objects.visible_to(user).filter(state=VersionState.MAPPING)
    for version in versions.light().select_related("dataset").order_by("-created_at")[:SHOWN]:
        text = "Say what its columns mean, and it will be checked."
        yield Line(
            str(version), text, version.get_absolute_url(), "arrows-left-right", version.created_at
        )
    if can(user, "models.promote"):
        candidates = ModelVersion.objects.visible_to(user).filter(stage=Stage.CANDIDATE)
        for model in candidates.only(*_MODEL).order_by("-created_at")[:SHOWN]:
            text = "A candidate. Compare it with the live model, then promote it or leave it."
            yield Line(_name_of(model), text, model.get_absolute_url(), "box", model.created_at)


def _results(user: User) -> Iterator[Line]:
    results = Prediction.objects.visible_to(user).filter(state=State.SUCCEEDED)
    results = results.select_related("dataset_version__dataset")
    for result in results.only(*_RESULT).order_by("-created_at")[:SHOWN]:
        yield Line(
            str(result.dataset_version),
            f"{result.n_alerts:,} alerts in {result.n_rows:,} rows",
            result.get_absolute_url(),
            "report-analytics",
            result.finished_at or result.created_at,
        )


def _live(user: User) -> Iterator[Line]:
    models = ModelVersion.objects.visible_to(user).filter(stage=Stage.LIVE)
    for model in models.only(*_MODEL, "metrics").order_by("-promoted_at")[:SHOWN]:
        yield Line(
            _name_of(model),
            _first_metric(model),
            model.get_absolute_url(),
            "broadcast",
            model.promoted_at,
        )


def _broken(user: User) -> Iterator[Line]:
    since = timezone.now() - RECENT
    jobs = Job.objects.visible_to(user).filter(created_at__gte=since)
    for job in jobs.filter(state__in=(State.FAILED, State.REJECTED)).order_by("-created_at")[
        :SHOWN
    ]:
        ended = job.finished_at or job.created_at
        yield Line(job.title, job.error, job.get_absolute_url(), "alert-triangle", ended, job.state)
    for broken in registry().broken:
        yield Line(broken.name, broken.reason, "/solutions/", "puzzle-off", state="broken")


# The columns that a line needs; cards and reports are large and stay where they are.
_MODEL = ("solution", "number", "created_at", "promoted_at")
_RESULT = (
    "n_alerts",
    "n_rows",
    "created_at",
    "finished_at",
    "dataset_version__number",
    "dataset_version__dataset__name",
)


def _name_of(model: ModelVersion) -> str:
    known = registry().solutions.get(model.solution)
    return f"{known.title if known else model.solution}, model {model.number}"


def _first_metric(model: ModelVersion) -> str:
    """Say the metric by which models of this solution are compared, if it was measured."""
    known = registry().solutions.get(model.solution)
    metric = known.metrics[0] if known and known.metrics else None
    value = model.metrics.get(metric.name) if metric else None
    if metric is None or not isinstance(value, int | float):
        return "Live"
    return f"{metric.title} {value:{metric.format}}"
