"""Work on datasets in the background: check a file and prepare it for models."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, cast

import polars as pl
import pyarrow.parquet as pq
from django.db import transaction

from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.datasets.exports import csv_pieces
from apps.datasets.inspecting import inspect_new
from apps.datasets.jobs_compare import compare_versions
from apps.datasets.jobs_inspect import inspect
from apps.datasets.jobs_quarantine import quarantine
from apps.datasets.models import DatasetVersion, VersionState
from apps.datasets.moments import moment
from apps.datasets.services import open_media
from apps.jobs.registry import handler
from ml_core.data.convert import convert
from ml_core.data.gallery import check_gallery
from ml_core.data.read import sniff
from ml_core.data.validate import Checked, Checker
from ml_core.errors import DataError, JobError
from ml_core.tracking.run import stop_if_cancelled
from solutions.api import Solution, TableBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from ml_core.data.media import ZipMedia
    from ml_core.errors import Issue

# Handlers are looked for in this module alone.
__all__ = ["compare_versions", "ingest", "inspect", "quarantine"]

N_SHOWN = 100
ISSUE_COLUMNS = ("row", "column", "severity", "code", "message")
_UPDATED = ("state", "n_rows", "report", "issues", "n_issues", "error")


def end_ingest(job: Job) -> None:
    """Give a version back to people when its check did not come to an end."""
    # Pictures have no columns to choose: a stopped check is begun again by a new upload.
    DatasetVersion.objects.filter(job=job, state=VersionState.CHECKING, format="pictures").update(
        state=VersionState.FAILED, error=job.error or f"The check was {job.state}."
    )
    state = VersionState.MAPPING if job.state == "cancelled" else VersionState.FAILED
    DatasetVersion.objects.filter(job=job, state=VersionState.CHECKING).update(
        state=state, error=job.error
    )


@handler("ingest", on_end=end_ingest)
def ingest(job: Job, run: JobRun) -> str:
    """Check the file of a version and write the table that models read."""
    rows = DatasetVersion.objects.select_related("dataset", "team")
    version: DatasetVersion | None = rows.filter(pk=job.params["version"], job=job).first()
    if version is None:
        message = "The version must exist. It was deleted, or is checked by a later job."
        raise JobError(message, permanent=True)
    if version.is_ready:
        return version.get_absolute_url()
    DatasetVersion.objects.filter(pk=version.pk).update(state=VersionState.CHECKING)
    storage.sweep()
    run.stage("check")
    with storage.write("prepared") as out:
        checked = _check(version, out, run)
        if checked.errors:
            out.abort()
    try:
        _finish(version, job, checked, out.name)
    except BaseException:
        storage.delete(out.name)
        raise
    run.log(f"{version.n_rows:,} rows are ready.")
    inspect_new(version, job.created_by)
    return version.get_absolute_url()


def _check(version: DatasetVersion, out: storage.BlobWriter, run: JobRun) -> Checked:
    solution = find_solution(version.dataset.solution)
    checker = Checker(solution.inputs(), now=datetime.now(UTC))
    if version.has_pictures:
        return _check_pictures(version, solution, checker, out, run)
    with storage.open_blob(version.source_blob) as stream:
        try:
            sniffed = sniff(stream, version.filename)
            version.n_rows = convert(
                stream, sniffed, solution.inputs(), version.mapping, checker=checker, out=out,
                progress=_progress(run),
            )  # fmt: skip
        except DataError as error:
            return Checked(error.issues, {})
    checked = checker.finish()
    if checked.errors or type(solution).validate is Solution.validate:
        return checked
    return _with_own_rules(solution, checked, version, out)


def _check_pictures(
    version: DatasetVersion,
    solution: Solution[Any],
    checker: Checker,
    out: storage.BlobWriter,
    run: JobRun,
) -> Checked:
    schema = solution.inputs()
    try:
        with open_media(version) as media:
            files = cast("ZipMedia", media)
            frame = check_gallery(files, schema, checker, _progress(run, "pictures"))
    except DataError as error:
        return Checked(error.issues, {})
    version.n_rows = frame.height
    numbered = frame.with_row_index("row", offset=1).cast({"row": pl.Int64})
    numbered.write_parquet(cast("IO[bytes]", out))
    checked = checker.finish()
    if checked.errors or type(solution).validate is Solution.validate:
        return checked
    return _with_own_rules(solution, checked, version, out)


def _progress(run: JobRun, what: str = "rows") -> Callable[[int, float], None]:
    def tell(n_rows: int, share: float) -> None:
        stop_if_cancelled(run)
        run.progress(n_rows, n_rows / share if share > 0 else 0, what)

    return tell


def _with_own_rules(
    solution: Solution[Any], checked: Checked, version: DatasetVersion, out: storage.BlobWriter
) -> Checked:
    """Add what the solution's own rules across columns find."""
    out.close()
    with storage.open_blob(out.name) as stream:
        frame = pl.DataFrame(pq.read_table(stream))
    with open_media(version) as media:
        own = solution.validate(TableBatch(frame, media=media))
    if any(issue.severity == "error" for issue in own):
        storage.delete(out.name)
    totals = dict(checked.totals)
    for issue in own:
        key = (issue.code, issue.column or "")
        totals[key] = totals.get(key, 0) + issue.n_rows
    return replace(checked, issues=(*checked.issues, *own), totals=totals)


def _finish(version: DatasetVersion, job: Job, checked: Checked, prepared: str) -> None:
    """Write the outcome, if the version is still this job's to write."""
    old = (version.prepared_blob, version.issues_blob)
    _describe(version, checked, prepared)
    with transaction.atomic():
        held = DatasetVersion.objects.select_for_update().filter(
            pk=version.pk, job=job, state=VersionState.CHECKING
        )
        if not held.exists():
            storage.delete(version.issues_blob)
            message = "The version must still be checked by this job. It was deleted meanwhile."
            raise JobError(message, permanent=True)
        version.save()
        record(
            f"dataset.{version.state}", actor=job.created_by, team=version.team, thing=version,
            n_rows=version.n_rows, n_issues=version.n_issues,
        )  # fmt: skip
    for name in old:
        storage.delete(name)
    if checked.errors:
        raise DataError(checked.errors[:N_SHOWN])


def _describe(version: DatasetVersion, checked: Checked, prepared: str) -> None:
    ordered = checked.issues
    problems = sorted(checked.totals.items(), key=lambda item: -item[1])
    version.state = VersionState.REJECTED if checked.errors else VersionState.READY
    version.prepared_blob = "" if checked.errors else prepared
    version.issues = [asdict(issue) for issue in ordered[:N_SHOWN]]
    version.n_issues = max(len(checked.errors), _n_errors(checked))
    version.issues_blob = _write_issues(ordered) if ordered else ""
    version.report = {
        **checked.summary,
        "problems": [
            {"code": code, "column": column, "n_rows": n}
            for (code, column), n in problems
            if n and (code, column) in _error_kinds(checked)
        ],
    }
    version.content_sha256 = "" if checked.errors else checked.content_sha256
    time = checked.summary.get("time") or {}
    version.time_min, version.time_max = moment(time.get("min")), moment(time.get("max"))


def _n_errors(checked: Checked) -> int:
    """Count the rows concerned by errors, those that are not stored included."""
    return sum(checked.totals.get(kind, 0) for kind in _error_kinds(checked))


def _error_kinds(checked: Checked) -> set[tuple[str, str]]:
    return {(issue.code, issue.column or "") for issue in checked.errors}


def _write_issues(issues: Sequence[Issue]) -> str:
    def rows() -> Iterator[tuple[object, ...]]:
        for issue in issues:
            yield issue.row, issue.column, issue.severity, issue.code, issue.message

    with storage.write("issues") as blob:
        for piece in csv_pieces(ISSUE_COLUMNS, rows()):
            blob.write(piece)
    return blob.name
