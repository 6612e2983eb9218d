"""What begins a comparison of two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from apps.audit.services import record
from apps.datasets.errors import ConflictError
from apps.datasets.inspecting import not_ready
from apps.datasets.labelling import get_locked
from apps.datasets.models import Comparison, DatasetVersion, WorkState
from apps.jobs.services import enqueue

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def start_comparison(*, new: DatasetVersion, old: DatasetVersion, user: User) -> Comparison:
    """Have two versions compared; what was compared before is returned as it is.

    Raises: ConflictError: if one of them is not ready, or gone.
    """
    # In one order, so that two who compare the same pair both ways do not wait for each other.
    for version in sorted((new, old), key=lambda one: str(one.pk)):
        if not get_locked(version).is_ready:
            raise ConflictError(not_ready(version, "compared"))
    comparison: Comparison
    comparison, is_new = Comparison.objects.get_or_create(
        old=old, new=new, defaults={"team": new.team, "created_by": user}
    )
    if not is_new and comparison.state != WorkState.FAILED:
        return comparison
    comparison.state, comparison.error = WorkState.RUNNING, ""
    comparison.job = enqueue(
        kind="compare_versions", title=f"Compare {new} with {old}"[:200], team=new.team, user=user,
        params={"comparison": str(comparison.pk)}, solution=new.dataset.solution,
    )  # fmt: skip
    comparison.save()
    record(
        "dataset.comparison_begun", actor=user, team=new.team, thing=new, old=str(old.pk),
        old_number=old.number,
    )  # fmt: skip
    return comparison
