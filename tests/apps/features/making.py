"""Kept views as a job has made them, for the tests."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from apps.datasets import storage
from apps.features import online, services
from apps.features.definitions import definition
from apps.features.freshness import freshness
from apps.features.jobs import materialise
from apps.features.models import FeatureView, Materialization
from apps.jobs.models import Job, State
from apps.jobs.progress import JobRun
from tests.apps.workshop import payments, ready_version

NAME = "cards"
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def kept_view(people, version=None, **said) -> FeatureView:
    """Materialise the cards of a version, as Alice, in this process."""
    version = version or ready_version(people)
    made = services.materialise(user=people.alice, name=NAME, version=version, **said)
    Job.objects.filter(pk=made.job_id).update(state=State.RUNNING, attempt=1)
    made.job.refresh_from_db()
    materialise(made.job, JobRun(made.job))
    Job.objects.filter(pk=made.job_id).update(state=State.SUCCEEDED)
    return FeatureView.objects.get(pk=made.view_id)


def three_days(people, **fields):
    """Return a ready version with payments of each minute of parts of three days."""
    parts = [payments(40, seed=day, day=day) for day in range(3)]
    frame = pl.concat(parts).with_columns(row=pl.int_range(1, 121, dtype=pl.Int64))
    return ready_version(people, frame, **fields)


def looked_up(view, card, at=NOON):
    """Return what the online store says of a card."""
    [found] = online.look_up(view, [card], at)
    return found


def the_definition():
    return definition("tiny", NAME)


def start(people, version, **said) -> Materialization:
    return services.materialise(user=people.alice, name=NAME, version=version, **said)


def fresh(view):
    """Judge a view as its page does."""
    return freshness(FeatureView.objects.with_newest().get(pk=view.pk))


def all_blobs() -> set[str]:
    return {name for name, _, _ in storage.walk() if name.startswith("features/")}
