"""`manage.py materialise_features`: bring a view up to its dataset, and wait for the end."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.http import Http404

from apps.accounts.models import Role, User
from apps.datasets.errors import ConflictError
from apps.datasets.models import DatasetVersion
from apps.features import services
from apps.features.models import Mode
from apps.jobs import runner
from apps.jobs.models import Job, State
from ml_core.errors import AssayError

if TYPE_CHECKING:
    from argparse import ArgumentParser

_LOOK_EVERY_S = 0.5


class Command(BaseCommand):
    help = "Materialise a feature view for a dataset, in this process or by a worker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("solution")
        parser.add_argument("view")
        parser.add_argument("--dataset", required=True, help="name or id; its newest version")
        parser.add_argument("--mode", choices=Mode.values, default=Mode.INCREMENTAL.value)
        parser.add_argument("--start", type=date.fromisoformat, help="first day of a backfill")
        parser.add_argument("--end", type=date.fromisoformat, help="last day of a backfill")
        parser.add_argument("--as", dest="email", help="who does it; an admin by default")

    def handle(self, *args: Any, **options: Any) -> None:
        version = _version(options["solution"], options["dataset"])
        try:
            made = services.materialise(
                user=_person(options["email"]),
                name=options["view"],
                version=version,
                mode=options["mode"],
                start=options["start"],
                end=options["end"],
            )
        except Http404 as error:
            message = f"A view must be one of {options['solution']}. Got {options['view']!r}."
            raise CommandError(message) from error
        except (AssayError, ConflictError) as error:
            raise CommandError(str(error)) from error
        job = _done(made.job)
        made.refresh_from_db()
        if job.state != State.SUCCEEDED:
            raise CommandError(f"The job must succeed. It has {job.state}: {job.error}")
        self.stdout.write(
            f"{made.view}: {made.n_days:,} days computed, {made.n_kept:,} kept, "
            f"{made.n_dropped:,} removed; {made.view.n_rows:,} rows"
        )


def _version(slug: str, named: str) -> DatasetVersion:
    match = Q(dataset__name=named)
    with suppress(ValueError):  # a name that is no id
        match |= Q(dataset_id=UUID(named))
    rows = DatasetVersion.objects.filter(match, dataset__solution=slug, state="ready")
    version: DatasetVersion | None = (
        rows.select_related("dataset", "team").order_by("-created_at").first()
    )
    if version is None:
        raise CommandError(
            f"A dataset of {slug} must be ready. Got {named!r}. Name one that has passed its "
            "checks, or give its id."
        )
    return version


def _person(email: str | None) -> User:
    people = User.objects.filter(is_active=True)
    wanted = people.filter(email__iexact=email) if email else people.filter(role=Role.ADMIN)
    user = wanted.order_by("date_joined").first()
    if user is None:
        raise CommandError(f"There must be a person to do it. Got {email or 'no admin'}.")
    return user


def _done(job: Job | None) -> Job:
    """Do the job here, unless a worker was faster; then wait for it."""
    if job is None:
        raise CommandError("The job must be there. It was deleted meanwhile.")
    while not job.has_ended:
        if runner.run(job.pk) is None:
            time.sleep(_LOOK_EVERY_S)
        job.refresh_from_db()
    return job
