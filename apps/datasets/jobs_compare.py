"""The job that finds what differs between two versions."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from apps.catalog.services import solution as find_solution
from apps.datasets.models import Comparison, WorkState
from apps.datasets.services import load_frame
from apps.jobs.registry import handler
from ml_core.data.diff import compare
from ml_core.errors import JobError
from ml_core.plain import plain
from ml_core.tracking.run import stop_if_cancelled

if TYPE_CHECKING:
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from ml_core.data.diff import Diff


def end_comparison(job: Job) -> None:
    """Say of a comparison that did not come to its end why."""
    Comparison.objects.filter(job=job, state=WorkState.RUNNING).update(
        state=WorkState.FAILED, error=job.error or f"The comparison was {job.state}."
    )


@handler("compare_versions", on_end=end_comparison, needs=("datasets.upload",))
def compare_versions(job: Job, run: JobRun) -> str:
    """Find what differs between two versions."""
    rows = Comparison.objects.select_related("old", "new__dataset", "new__team")
    comparison: Comparison | None = rows.filter(pk=job.params["comparison"], job=job).first()
    if comparison is None:
        message = "Both versions must exist. One of them was deleted. Nothing to do."
        raise JobError(message, permanent=True)

    def stage(name: str) -> None:
        stop_if_cancelled(run)
        run.stage(name)

    stage("reading")
    old, new = load_frame(comparison.old), load_frame(comparison.new)
    schema = find_solution(comparison.new.dataset.solution).inputs()
    diff = compare(schema, old, new, stage=stage)
    stop_if_cancelled(run)
    Comparison.objects.filter(pk=comparison.pk, job=job).update(
        state=WorkState.READY, result=told(diff)
    )
    return comparison.get_absolute_url()


def told(diff: Diff) -> dict[str, Any]:
    """Return a difference as it is kept and as programs read it."""
    result: dict[str, Any] = plain(asdict(diff))
    return {**result, "n_same": diff.n_same}
