"""What the dashboard tells a person: what waits, what runs, what came out, what is broken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.utils import timezone

from apps.accounts.policies import can

if TYPE_CHECKING:
    from datetime import datetime

    from apps.accounts.models import User

RECENT = timedelta(days=7)
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list on the dashboard; `url` is where to go about it."""

    title: str
    text: str
    url: str
    icon: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the dashboard shows."""

    waiting: list[Line]
    running: list[Any]
    results: list[Any]
    live: list[Any]
    broken: list[Line]
    n_ready: int
    is_new: bool


def of(user: User) -> Overview:
    """Read the dashboard of a person, with a number of queries that does not grow."""
    results = _newest("inference.Prediction", user, state="succeeded")
    live = _newest("registry.ModelVersion", user, stage="live")
    n_ready = _count("datasets.DatasetVersion", user, state="ready")
    running = running_jobs(user)
    return Overview(
        waiting=_waiting(user),
        running=running,
        results=results,
        live=live,
        broken=_broken(user),
        n_ready=n_ready,
        is_new=not (results or live or running or n_ready),
    )


def running_jobs(user: User) -> list[Any]:
    """Return the jobs that run or wait for a worker, those that run first."""
    rows = _rows("jobs.Job", user)
    if rows is None:
        return []
    # "running" sorts after "queued": the order of the words is the order that is wanted.
    return list(
        rows.filter(state__in=("running", "queued")).order_by("-state", "created_at")[:SHOWN]
    )


def _waiting(user: User) -> list[Line]:
    lines = [
        Line(
            f"{version.dataset.name}, version {version.number}",
            "Its columns wait to be confirmed.",
            version.get_absolute_url(),
            "arrows-left-right",
            version.created_at,
        )
        for version in _newest("datasets.DatasetVersion", user, "dataset", state="mapping")
    ]
    if can(user, "models.promote"):
        lines += [
            Line(
                f"Model {model.number} of {model.solution}",
                "A candidate: compare it with the live model, then promote it or leave it.",
                model.get_absolute_url(),
                "box",
                model.created_at,
            )
            for model in _newest("registry.ModelVersion", user, stage="candidate")
        ]
    return lines


def _broken(user: User) -> list[Line]:
    since = timezone.now() - RECENT
    lines = [
        Line(job.title, job.error, job.get_absolute_url(), "alert-triangle", job.created_at)
        for job in _newest(
            "jobs.Job", user, state__in=("failed", "rejected"), created_at__gte=since
        )
    ]
    return lines + _broken_solutions()


def _broken_solutions() -> list[Line]:
    if not apps.is_installed("apps.catalog"):
        return []
    from apps.catalog.services import registry  # noqa: PLC0415

    return [
        Line(name, str(reason), "/solutions/", "puzzle-off")
        for name, reason in dict(registry().broken).items()
    ]


def _rows(label: str, user: User) -> Any:
    if not apps.is_installed(f"apps.{label.split('.', maxsplit=1)[0]}"):
        return None
    manager: Any = apps.get_model(label)._default_manager  # noqa: SLF001
    return manager.visible_to(user)


def _newest(label: str, user: User, *related: str, **conditions: Any) -> list[Any]:
    rows = _rows(label, user)
    if rows is None:
        return []
    rows = rows.filter(**conditions).order_by("-created_at")
    return list((rows.select_related(*related) if related else rows)[:SHOWN])


def _count(label: str, user: User, **conditions: Any) -> int:
    rows = _rows(label, user)
    return 0 if rows is None else rows.filter(**conditions).count()
