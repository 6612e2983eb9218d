"""The job that parts the good rows of a rejected version from the bad ones."""

from __future__ import annotations

import io
from dataclasses import asdict
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import polars as pl
import pyarrow.parquet as pq
from django.db import transaction

from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.datasets.inspecting import inspect_new
from apps.datasets.models import DatasetVersion, Origin, VersionState
from apps.datasets.moments import moment
from apps.datasets.quarantine import AsideFile
from apps.datasets.services import open_media, preview
from apps.jobs.registry import handler
from ml_core.data.archive import MOST_MEMBERS
from ml_core.data.convert import ROW
from ml_core.data.gallery import check_gallery
from ml_core.data.media import NO_MEDIA
from ml_core.data.quarantine import BadRow, sieve
from ml_core.data.validate import Checker
from ml_core.errors import DataError, Issue, JobError
from ml_core.tracking.run import stop_if_cancelled
from solutions.api import Solution, TableBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from ml_core.data.media import Media, ZipMedia
    from ml_core.data.quarantine import Sieved
    from ml_core.data.schema import Schema
    from ml_core.data.validate import Checked
    from ml_core.typing import Frame

MOST_ROUNDS = 5
# Bad rows of one kind that are told one by one, and so put aside; each is held in memory.
MOST_TOLD = 4 * MOST_MEMBERS


def end_quarantine(job: Job) -> None:
    """Leave nothing of a version that was not made."""
    DatasetVersion.objects.filter(
        job=job, origin=Origin.QUARANTINE, state=VersionState.CHECKING
    ).delete()


@handler("quarantine", on_end=end_quarantine, needs=("datasets.upload",))
def quarantine(job: Job, run: JobRun) -> str:
    """Write the good rows as a table, and the bad ones with their reasons as a CSV."""
    rows = DatasetVersion.objects.select_related("dataset", "team", "parent")
    version: DatasetVersion | None = rows.filter(pk=job.params["version"], job=job).first()
    if version is None:
        message = (
            "The version must exist. It was deleted, or an attempt before this one was stopped. "
            "Keep the good rows again."
        )
        raise JobError(message, permanent=True)
    if version.is_ready:
        return version.get_absolute_url()
    storage.sweep()
    run.stage("part the rows")
    with storage.write("aside") as aside, storage.write("prepared") as table:
        checked, n_aside = _part(version, table, aside, run)
    try:
        _finish(version, job, checked, (table, aside), n_aside)
    except BaseException:
        for blob in (table, aside):
            storage.delete(blob.name)
        raise
    run.log(f"{version.n_rows:,} rows are kept, {n_aside:,} are put aside.")
    inspect_new(version, job.created_by)
    return version.get_absolute_url()


def _part(
    version: DatasetVersion, table: storage.BlobWriter, aside: storage.BlobWriter, run: JobRun
) -> tuple[Checked, int]:
    """Write both halves; return the check of the kept rows, and how many are put aside."""
    solution = find_solution(version.dataset.solution)
    if version.has_pictures:
        return _part_pictures(version, solution, table, aside, run)
    if type(solution).validate is Solution.validate:
        file = AsideFile(aside, list(_mapping(version, solution.inputs()).values()))
        return _sieve(version, solution.inputs(), table, file, run).checked, file.n_rows
    return _part_by_own_rules(version, solution, table, aside, run)


def _mapping(version: DatasetVersion, schema: Schema) -> dict[str, str]:
    """Return the mapping in the order of the schema: a database may keep it in another."""
    return {name: source for name in schema.names if (source := version.mapping.get(name))}


def _sieve(
    version: DatasetVersion, schema: Schema, out: BinaryIO | storage.BlobWriter, file: AsideFile,
    run: JobRun,
) -> Sieved:  # fmt: skip
    with storage.open_blob(version.source_blob) as stream:
        return sieve(
            stream, preview(version), schema, _mapping(version, schema), out=out, aside=file.add,
            now=datetime.now(UTC), progress=_progress(run, "rows"),
        )  # fmt: skip


def _progress(run: JobRun, what: str) -> Callable[[int, float], None]:
    def tell(n_rows: int, share: float) -> None:
        stop_if_cancelled(run)
        run.progress(n_rows, n_rows / share if share > 0 else 0, what)

    return tell


def _part_by_own_rules(
    version: DatasetVersion,
    solution: Solution[Any],
    table: storage.BlobWriter,
    aside: storage.BlobWriter,
    run: JobRun,
) -> tuple[Checked, int]:
    """Part a table whose solution has rules across columns, which look at it as a whole."""
    file = AsideFile(aside, list(_mapping(version, solution.inputs()).values()))
    with io.BytesIO() as first:
        _sieve(version, solution.inputs(), first, file, run)
        first.seek(0)
        frame = pl.DataFrame(pq.read_table(first))
    frame = frame.with_columns(pl.Series(ROW, file.number_in_file(frame[ROW].to_list())))
    names = [name for name in _mapping(version, solution.inputs()) if name in frame.columns]
    return _write(
        _by_own_rules(solution, frame, names, file, NO_MEDIA), solution, table
    ), file.n_rows


def _part_pictures(
    version: DatasetVersion,
    solution: Solution[Any],
    table: storage.BlobWriter,
    aside: storage.BlobWriter,
    run: JobRun,
) -> tuple[Checked, int]:
    checker = Checker(solution.inputs(), now=datetime.now(UTC), max_issues=MOST_TOLD)
    with open_media(version) as media:
        files = cast("ZipMedia", media)
        frame = check_gallery(files, solution.inputs(), checker, _progress(run, "pictures"))
        names = frame.columns
        file = AsideFile(aside, names)
        frame = frame.with_row_index(ROW, offset=1).cast({ROW: pl.Int64})
        frame = _without(frame, _all_errors(checker.finish()), names, file)
        frame = _by_own_rules(solution, frame, names, file, media)
    return _write(frame, solution, table), file.n_rows


def _all_errors(checked: Checked) -> tuple[Issue, ...]:
    """Return the errors of a check. Raises: DataError: if rows are bad that it does not name."""
    kinds = {(issue.code, issue.column or "") for issue in checked.errors}
    if (most := max((checked.totals[kind] for kind in kinds), default=0)) > MOST_TOLD:
        message = (
            f"A table of pictures must have at most {MOST_TOLD:,} bad rows of one kind to be "
            f"parted. Got {most:,}. Correct the file at its source."
        )
        raise DataError(Issue("too_many_bad_rows", message))
    return checked.errors


def _by_own_rules(
    solution: Solution[Any], frame: Frame, names: Sequence[str], file: AsideFile, media: Media
) -> Frame:
    """Put aside what breaks a rule of the solution's own, until nothing does."""
    for _ in range(MOST_ROUNDS):
        batch = TableBatch(_numbered(frame), media=media)
        errors = [issue for issue in solution.validate(batch) if issue.severity == "error"]
        if not errors:
            return frame
        frame = _without(frame, errors, names, file)
    raise DataError(errors[:100])


def _without(frame: Frame, errors: Sequence[Issue], names: Sequence[str], file: AsideFile) -> Frame:
    """Put the rows aside that errors name by their place, from 1; `row` is that in the file.

    Raises: DataError: if an error is about the whole: leaving rows out would not help.
    """
    of_whole = [issue for issue in errors if issue.row is None]
    if of_whole:
        raise DataError(of_whole)
    reasons: dict[int, str] = {}
    for issue in errors:
        place = cast("int", issue.row) - 1
        reasons[place] = f"{reasons[place]} {issue.message}" if place in reasons else issue.message
    bad = pl.Series([place in reasons for place in range(frame.height)], dtype=pl.Boolean)
    rows = frame.filter(bad).select(ROW, *names).iter_rows()
    told = (reasons[place] for place in sorted(reasons))
    file.add(BadRow(row, why, tuple(cells)) for (row, *cells), why in zip(rows, told, strict=True))
    return frame.filter(~bad)


def _numbered(frame: Frame) -> Frame:
    return frame.with_columns(pl.int_range(1, frame.height + 1, dtype=pl.Int64).alias(ROW))


def _write(frame: Frame, solution: Solution[Any], table: storage.BlobWriter) -> Checked:
    if frame.is_empty():
        message = "A version must have good rows to keep. Got none. Correct the file at its source."
        raise DataError(Issue("no_good_rows", message))
    checker = Checker(solution.inputs(), now=datetime.now(UTC))
    checker.add(frame.drop(ROW))
    checked = checker.finish()
    if checked.errors:
        raise DataError(checked.errors[:100])
    _numbered(frame).write_parquet(cast("IO[bytes]", table))
    return checked


def _finish(
    version: DatasetVersion,
    job: Job,
    checked: Checked,
    blobs: tuple[storage.BlobWriter, storage.BlobWriter],
    n_aside: int,
) -> None:
    """Let the new version be ready, if it is still this job's to write."""
    table, aside = blobs
    time = checked.summary.get("time") or {}
    version.state, version.report = VersionState.READY, {**checked.summary, "problems": []}
    version.n_rows, version.n_aside = checked.summary["n_rows"], n_aside
    version.prepared_blob, version.aside_blob = table.name, aside.name
    version.sha256, version.content_sha256 = table.sha256, checked.content_sha256
    version.issues = [asdict(issue) for issue in checked.issues[:100]]
    version.time_min, version.time_max = moment(time.get("min")), moment(time.get("max"))
    with transaction.atomic():
        held = DatasetVersion.objects.select_for_update().filter(
            pk=version.pk, job=job, state=VersionState.CHECKING
        )
        if not held.exists():
            message = "The version must still be made by this job. It was deleted meanwhile."
            raise JobError(message, permanent=True)
        version.save()
        record(
            "dataset.quarantined", actor=job.created_by, team=version.team, thing=version,
            parent=str(version.parent_id) if version.parent_id else None, n_rows=version.n_rows,
            n_aside=n_aside, sha256=table.sha256, content_sha256=checked.content_sha256,
        )  # fmt: skip
