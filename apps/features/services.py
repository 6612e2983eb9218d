"""What starts and ends materializations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.policies import require
from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.datasets.errors import ConflictError
from apps.experiments.services import require_ready, require_same
from apps.features import online
from apps.features.definitions import definition
from apps.features.models import FeatureView, Materialization, Mode
from apps.jobs.models import State
from apps.jobs.services import enqueue
from ml_core.errors import JobError
from ml_core.features.view import check_range

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from apps.accounts.models import User
    from apps.datasets.models import DatasetVersion
    from apps.jobs.models import Job
    from ml_core.features.view import FeatureView as Definition


def materialise(  # noqa: PLR0913  who, what, from which rows, and how much of it
    *,
    user: User,
    name: str,
    version: DatasetVersion,
    mode: str = "incremental",
    start: date | None = None,
    end: date | None = None,
    token: str = "",
) -> Materialization:
    """Bring a view of a dataset up to one of its versions; the same token gives the same run.

    Raises: NotAllowedError, Http404: without the right, or without such a view. DataError: if the
        version cannot be read. ConfigError: if the range cannot be. ConflictError: if the view is
        being worked on, or cannot be done in part.
    """
    require(user, "features.materialise")
    require(user, "datasets.view", version)
    slug = version.dataset.solution
    require_ready(version, slug)
    found = definition(slug, name)
    found.check(find_solution(slug).inputs())
    check_range(mode, start, end)
    known = Materialization.objects.filter(team=version.team, token=token or None)
    made = known.select_related("view").first() or _begin(
        user, found, version, Mode(mode), (start, end), token or uuid4().hex
    )
    same = (made.view.name, made.version_id, made.mode, made.start, made.end)
    require_same(is_same=same == (name, version.pk, mode, start, end))
    return made


def _begin(
    user: User,
    found: Definition,
    version: DatasetVersion,
    mode: Mode,
    days: tuple[date | None, date | None],
    token: str,
) -> Materialization:
    try:
        with transaction.atomic():
            view = _view_for(user, found, version)
            _refuse_a_part(view, found, mode)
            made = Materialization.objects.create(
                team=version.team, created_by=user, view=view, version=version, mode=mode,
                start=days[0], end=days[1], view_hash=found.version, data_sha256=version.sha256,
                code_version=settings.ASSAY_VERSION, token=token,
            )  # fmt: skip
            made.job = enqueue(
                kind="materialise",
                title=f"Features {found.name} of {version.dataset.name} v{version.number}",
                team=version.team,
                user=user,
                params={"materialization": str(made.pk)},
                solution=view.solution,
            )
            made.save(update_fields=["job"])
            record(
                "features.materialise_started", actor=user, team=made.team, thing=view,
                view=found.name, view_hash=found.version, mode=mode,
                start=str(days[0] or ""), end=str(days[1] or ""),
                dataset_version=str(version.pk), data_sha256=version.sha256,
            )  # fmt: skip
    except IntegrityError as error:
        message = (
            "A view must be materialised by one job at a time. Another one is at it. "
            "Wait for its end, or cancel it."
        )
        raise ConflictError(message) from error
    return made


def _view_for(user: User, found: Definition, version: DatasetVersion) -> FeatureView:
    view, _ = FeatureView.objects.get_or_create(
        dataset=version.dataset,
        name=found.name,
        defaults={
            "team": version.team,
            "created_by": user,
            "solution": version.dataset.solution,
            "definition": found.to_json(),
            "view_hash": found.version,
        },
    )
    return view


def _refuse_a_part(view: FeatureView, found: Definition, mode: Mode) -> None:
    """Keep days of two definitions from standing side by side."""
    if mode == Mode.BACKFILL and view.days and view.view_hash != found.version:
        message = (
            "A backfill must be of the definition that the other days were made by. It has "
            "changed since. Materialise all of it, or what changed."
        )
        raise ConflictError(message)


@transaction.atomic
def begin(made: Materialization, job: Job) -> None:
    """Set a run to running, and remove what an attempt that died has put into the online store.

    Raises: JobError: if another run of the view was begun since.
    """
    others = Materialization.objects.filter(
        view_id=made.view_id, state__in=[State.QUEUED, State.RUNNING]
    ).exclude(pk=made.pk)
    if others.exists():
        message = (
            "A view must be materialised by one job at a time. Another one was begun since. "
            "Nothing is to be done here."
        )
        raise JobError(message, permanent=True)
    made.state, made.started_at, made.finished_at = State.RUNNING, timezone.now(), None
    made.save(update_fields=["state", "started_at", "finished_at"])
    online.drop([space_of(made, number) for number in range(1, job.attempt)])


def space_of(made: Materialization, attempt: int) -> str:
    """Return the space of the online store that an attempt fills."""
    return f"{made.pk.hex}.{attempt}"


def end(job: Job) -> None:
    """Give a run the state in which its job ended; the view is as it was before."""
    open_runs = Materialization.objects.filter(job=job).exclude(state=State.SUCCEEDED)
    for made in open_runs:
        spaces = [space_of(made, number) for number in range(1, job.attempt + 1)]
        transaction.on_commit(partial(online.drop, spaces), robust=True)
    open_runs.update(state=job.state, finished_at=timezone.now())


@transaction.atomic
def finish(made: Materialization, view: FeatureView, facts: dict[str, Any]) -> None:
    """Let new days and a new space of the online store count, in one step.

    Raises: JobError: if the view was changed since this run looked at it.
    """
    held = FeatureView.objects.select_for_update().filter(pk=view.pk, revision=view.revision)
    before = held.first()
    if before is None:
        message = "The view was changed or deleted meanwhile. This run starts again."
        raise JobError(message)
    for name, value in facts["view"].items():
        setattr(before, name, value)
    before.revision += 1
    old_blobs, old_space = view.blobs, view.online_space
    before.save()
    for name, value in facts["run"].items():
        setattr(made, name, value)
    made.state, made.finished_at = State.SUCCEEDED, timezone.now()
    made.save()
    record(
        "features.materialised", actor=made.created_by, team=made.team, thing=before,
        view_hash=made.view_hash, mode=made.mode, days=made.n_days, kept=made.n_kept,
        dropped=made.n_dropped, rows=made.n_rows, sources=made.sources,
    )  # fmt: skip
    gone = set(old_blobs) - set(before.blobs)
    transaction.on_commit(partial(forget, gone, [old_space]), robust=True)


def forget(blobs: Iterable[str], spaces: list[str]) -> None:
    """Remove files and spaces of the online store that no row speaks of any more."""
    for name in blobs:
        storage.delete(name)
    online.drop(spaces)
