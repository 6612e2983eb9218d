"""What begins an inspection, and which versions may stand beside another."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.shortcuts import get_object_or_404

from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets.errors import ConflictError
from apps.datasets.labelling import get_locked
from apps.datasets.models import DatasetVersion, Inspection, WorkState
from apps.jobs.services import enqueue
from ml_core.data.inspection.rules import parse_rule
from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from apps.accounts.models import User

MOST_RULES = 20


def peers_of(version: DatasetVersion) -> QuerySet[DatasetVersion]:
    """Return the ready versions of the same team and solution that it may be held against."""
    found: QuerySet[DatasetVersion] = (
        DatasetVersion.objects.ready()
        .light()
        .filter(team_id=version.team_id, dataset__solution=version.dataset.solution)
        .exclude(pk=version.pk)
        .select_related("dataset")
    )
    return found


def peer_of(version: DatasetVersion, other_id: uuid.UUID) -> DatasetVersion:
    """Return one of these by its id. Raises: Http404: if it is another team's or solution's."""
    found: DatasetVersion = get_object_or_404(peers_of(version), pk=other_id)
    return found


def usual_reference(version: DatasetVersion) -> DatasetVersion | None:
    """Return the newest ready version before it of the same dataset, or None."""
    before = peers_of(version).filter(dataset_id=version.dataset_id, number__lt=version.number)
    return before.order_by("-number").first()


def inspect_new(version: DatasetVersion, user: User | None) -> None:
    """Have a version that has just become ready looked through, beside the one before it."""
    if not settings.ASSAY_INSPECT_UPLOADS:
        return
    with contextlib.suppress(ConflictError):  # it was deleted meanwhile
        start_inspection(version=version, user=user, reference=usual_reference(version))


@transaction.atomic
def start_inspection(
    *,
    version: DatasetVersion,
    user: User | None,
    reference: DatasetVersion | None = None,
    rules: Sequence[str] = (),
) -> Inspection:
    """Have the rows of a version looked through; the same asked again while it runs is one.

    Raises: ConflictError: if it is not ready, or gone. DataError: if a rule cannot be.
    """
    version = get_locked(version)
    if not version.is_ready:
        raise ConflictError(not_ready(version, "inspected"))
    told = _checked_rules(version, rules, has_reference=reference is not None)
    open_ones = version.inspections.filter(state=WorkState.RUNNING, reference=reference)
    same: Inspection | None = next((one for one in open_ones if one.rules == told), None)
    if same is not None:
        return same
    inspection = Inspection.objects.create(
        version=version, team=version.team, created_by=user, reference=reference, rules=told
    )
    inspection.job = enqueue(
        kind="inspect", title=f"Inspect {version}", team=version.team, user=user,
        params={"inspection": str(inspection.pk)}, solution=version.dataset.solution,
    )  # fmt: skip
    inspection.save(update_fields=["job"])
    record(
        "dataset.inspection_begun", actor=user, team=version.team, thing=version,
        reference=str(reference.pk) if reference else None, rules=told,
    )  # fmt: skip
    return inspection


def _checked_rules(
    version: DatasetVersion, rules: Sequence[str], *, has_reference: bool
) -> list[str]:
    if len(rules) > MOST_RULES:
        message = f"Rules must be at most {MOST_RULES}. Got {len(rules)}. Leave some out."
        raise DataError(Issue("too_many_rules", message))
    schema = find_solution(version.dataset.solution).inputs()
    return [str(parse_rule(rule, schema, has_reference=has_reference)) for rule in rules]


def not_ready(version: DatasetVersion, done: str) -> str:
    """Say why a version cannot be looked at yet."""
    return (
        f"A version must be ready to be {done}. This one is {version.state}. "
        "Wait until it is checked, or correct it."
    )
