"""The job that looks at a version for what its rows may hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.datasets.models import Finding, Inspection, WorkState
from apps.datasets.services import load_chunks, load_frame, open_media, preview
from apps.jobs.registry import handler
from ml_core.data.complete import complete
from ml_core.data.content import ContentDigest
from ml_core.data.inspection.finding import in_order
from ml_core.data.inspection.inspector import Inspector
from ml_core.data.inspection.likeness import Picture, like_pictures, print_of
from ml_core.data.inspection.rules import parse_rule
from ml_core.data.inspection.unread import leaks_of_unread
from ml_core.data.labels.read import image_column
from ml_core.errors import DataError, JobError
from ml_core.plain import plain
from ml_core.tracking.run import stop_if_cancelled
from solutions.api import TableBatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from apps.datasets.models import DatasetVersion
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from ml_core.data.inspection.finding import Finding as Found
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

WORDS = {"error": "n_errors", "warning": "n_warnings", "info": "n_infos"}


def end_inspection(job: Job) -> None:
    """Say of an inspection that did not come to its end why."""
    Inspection.objects.filter(job=job, state=WorkState.RUNNING).update(
        state=WorkState.FAILED, error=job.error or f"The inspection was {job.state}."
    )


@handler("inspect", on_end=end_inspection, needs=("datasets.upload",))
def inspect(job: Job, run: JobRun) -> str:
    """Look through the rows of a version, and keep what was found."""
    rows = Inspection.objects.select_related("version__dataset", "version__team", "reference")
    inspection: Inspection | None = rows.filter(pk=job.params["inspection"], job=job).first()
    if inspection is None:
        message = "The inspection must exist. Its version was deleted. Nothing to do."
        raise JobError(message, permanent=True)
    if inspection.state == WorkState.READY:
        return inspection.get_absolute_url()
    Inspection.objects.filter(pk=inspection.pk).update(state=WorkState.RUNNING, error="")
    schema = find_solution(inspection.version.dataset.solution).inputs()
    found = [
        *_of_rows(inspection, schema, run),
        *_of_unread(inspection.version, schema, run),
        *_of_pictures(inspection.version, schema, run),
    ]
    _keep(inspection, in_order(found), job)
    run.log(f"{len(found):,} findings.")
    return inspection.get_absolute_url()


def _of_rows(inspection: Inspection, schema: Schema, run: JobRun) -> Sequence[Found]:
    version, reference = inspection.version, inspection.reference
    rules = [
        parse_rule(text, schema, has_reference=reference is not None) for text in inspection.rules
    ]
    beside = None
    if reference is not None:
        run.stage("reference")
        beside = _watched(load_chunks(reference), reference.n_rows or 0, run)
    inspector = Inspector(schema, rules=rules, reference=beside)
    run.stage("rows")
    content = ContentDigest(schema)
    for frame in _watched(load_chunks(version), version.n_rows or 0, run):
        inspector.add(frame)
        content.add(frame)
    if not version.content_sha256:  # of a version that is older than the digest
        type(version).objects.filter(pk=version.pk).update(content_sha256=content.hexdigest())
    run.stage("findings")
    return inspector.finish()


def _watched(chunks: Iterable[Frame], total: int, run: JobRun) -> Iterator[Frame]:
    done = 0
    for frame in chunks:
        stop_if_cancelled(run)
        yield frame
        done += frame.height
        run.progress(done, total, "rows")


def _of_unread(version: DatasetVersion, schema: Schema, run: JobRun) -> Sequence[Found]:
    """Look at columns that are not read, where the file has a row for each of the table."""
    label = schema.role("label")
    if version.has_pictures or not version.has_own_file or label is None or not version.ignored:
        return ()
    run.stage("columns that are not read")
    labels = load_frame(version, ["row", *({label.name} & set(version.mapping))])
    if label.name not in labels.columns:
        return ()

    def progress(n_rows: int, share: float) -> None:
        stop_if_cancelled(run)
        run.progress(n_rows, n_rows / share if share > 0 else 0, "rows")

    with storage.open_blob(version.source_blob) as stream:
        return leaks_of_unread(
            stream, preview(version), schema, labels[label.name], version.ignored,
            progress=progress,
        )  # fmt: skip


def _of_pictures(version: DatasetVersion, schema: Schema, run: JobRun) -> Sequence[Found]:
    if not version.has_pictures:
        return ()
    run.stage("pictures")
    column = image_column(schema).name
    frame = load_frame(version)
    pictures = _prints(version, frame, column, run)
    return like_pictures(pictures, column, _parts(version, frame, column, run))


def _prints(version: DatasetVersion, frame: Frame, column: str, run: JobRun) -> list[Picture]:
    rows: dict[str, list[int]] = {}
    for row, name in zip(frame["row"].to_list(), frame[column].to_list(), strict=True):
        if name:
            rows.setdefault(name, []).append(row)
    pictures = []
    with open_media(version) as media:
        for done, (name, its) in enumerate(rows.items(), 1):
            stop_if_cancelled(run)
            pictures.append(Picture(name, tuple(its), print_of(media.read(name), name)))
            run.progress(done, len(rows), "pictures")
    return pictures


def _parts(
    version: DatasetVersion, frame: Frame, column: str, run: JobRun
) -> Mapping[str, set[int]]:
    """Cut the pictures as a training with usual options would; nothing where none could be."""
    solution = find_solution(version.dataset.solution)
    with open_media(version) as media:
        batch = TableBatch(complete(frame, solution.inputs()), media=media)
        try:
            split = solution.split(batch, solution.options(), 0)
        except DataError as error:
            run.log(f"Not cut into parts: {error}")
            return {}
    parts: dict[str, set[int]] = {}
    for number, part in enumerate((split.train, split.valid, split.test)):
        for name in part.targets[column].drop_nulls().unique().to_list():
            parts.setdefault(name, set()).add(number)
    return parts


def _keep(inspection: Inspection, found: Sequence[Found], job: Job) -> None:
    """Write the outcome at once; an attempt before this one may have written its own."""
    rows = [
        Finding(
            inspection=inspection, number=number, check_name=one.check, severity=one.severity,
            column=one.column, message=one.message, advice=one.advice, n_rows=one.n_rows,
            rows=list(one.rows), figures=plain(dict(one.figures)),
        )
        for number, one in enumerate(found, 1)
    ]  # fmt: skip
    version = inspection.version
    counts = {
        word: sum(one.severity == severity for one in found) for severity, word in WORDS.items()
    }
    with transaction.atomic():
        held = Inspection.objects.select_for_update().filter(pk=inspection.pk, job=job)
        if not held.update(state=WorkState.READY, finished_at=timezone.now()):
            message = "The inspection must still exist. Its version was deleted meanwhile."
            raise JobError(message, permanent=True)
        Finding.objects.filter(inspection=inspection).delete()
        Finding.objects.bulk_create(rows)
        record(
            "dataset.inspected", actor=job.created_by, team=version.team, thing=version, **counts
        )
