"""What changes labels: save the boxes of a picture, freeze all of them as a new version."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import polars as pl
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.datasets.errors import ConflictError
from apps.datasets.labels import Drawn, boxes_column, drawn_on, measured
from apps.datasets.models import Dataset, DatasetVersion, Origin, PictureLabel, VersionState
from apps.datasets.services import load_frame
from ml_core.data.labels.box import Box, checked, to_text
from ml_core.data.validate import Checker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from apps.accounts.models import User
    from ml_core.data.schema import Column
    from ml_core.data.validate import Checked
    from ml_core.typing import Frame


def save_boxes(
    *,
    version: DatasetVersion,
    column: Column,
    row: Mapping[str, Any],
    boxes: Any,
    revision: int,
    user: User,
) -> Drawn:
    """Keep what a person has drawn on a picture; the table of the version stays as it is.

    `revision` is the one that was looked at. Saving what is there already changes nothing, so a
    request may be sent twice.

    Raises: DataError: naming a box that cannot be. ConflictError: if somebody else has saved.
    """
    new = checked(boxes, *measured(version, row))
    with transaction.atomic():
        # One at a time: the second of two editors is told.
        get_locked(version)
        now = drawn_on(version, column, row)
        if now.boxes == new:
            return now
        if now.revision != revision:
            raise ConflictError(_changed_meanwhile(now, revision))
        PictureLabel.objects.update_or_create(
            version=version, row=row["row"],
            defaults={
                "boxes": [asdict(box) for box in new], "revision": revision + 1,
                "changed_by": user, "changed_at": timezone.now(),
            },
        )  # fmt: skip
        record(
            "dataset.labelled", actor=user, team=version.team, thing=version, row=row["row"],
            revision=revision + 1, n_before=None if now.boxes is None else len(now.boxes),
            n_after=len(new),
        )  # fmt: skip
    return drawn_on(version, column, row)


def get_locked(version: DatasetVersion) -> DatasetVersion:
    """Return a version that nobody else changes until the transaction ends.

    Raises: ConflictError: if it was deleted meanwhile.
    """
    found: DatasetVersion | None = (
        DatasetVersion.objects.select_for_update().filter(pk=version.pk).first()
    )
    if found is None:
        raise ConflictError("The version must still exist. It was deleted meanwhile.")
    return found


def _changed_meanwhile(now: Drawn, revision: int) -> str:
    who = f"{now.changed_by} has" if now.changed_by else "Somebody has"
    return (
        f"The boxes must be saved over those you began with. {who} changed them meanwhile: "
        f"revision {now.revision}, yours began with {revision}. Nothing of yours was saved; load "
        "theirs, or save yours over them."
    )


def freeze(*, version: DatasetVersion, user: User) -> DatasetVersion:
    """Make a new version of the corrected boxes; it shares the pictures, which are not copied.

    The same corrections frozen again give the version that is there.

    Raises: ConflictError: if there is no correction, or the version is gone.
    """
    column = boxes_column(version)
    changed = dict(PictureLabel.objects.filter(version=version).values_list("row", "boxes"))
    if column is None or not changed:
        message = (
            "A version must have corrected boxes to be frozen. This one has none. "
            "Draw or correct some first."
        )
        raise ConflictError(message)
    frame = _corrected(load_frame(version), column, changed)
    checked = _checked(version, frame)
    report = {**checked.summary, "problems": [], "n_corrected": len(changed)}
    with storage.write("prepared") as blob:
        frame.write_parquet(cast("IO[bytes]", blob))
    try:
        with transaction.atomic():
            frozen = _add(version, blob, report, checked.content_sha256, user)
    except BaseException:
        storage.delete(blob.name)
        raise
    if frozen.prepared_blob != blob.name:
        storage.delete(blob.name)
    return frozen


def _corrected(frame: Frame, column: Column, changed: Mapping[int, list[dict[str, Any]]]) -> Frame:
    texts = {row: to_text(Box(**box) for box in boxes) for row, boxes in changed.items()}
    old = frame[column.name] if column.name in frame.columns else [None] * frame.height
    cells = [texts.get(row, cell) for row, cell in zip(frame["row"], old, strict=True)]
    return frame.with_columns(pl.Series(column.name, cells, dtype=pl.String))


def _checked(version: DatasetVersion, frame: Frame) -> Checked:
    checker = Checker(find_solution(version.dataset.solution).inputs())
    checker.add(frame.drop("row"))
    return checker.finish()


def _add(
    parent: DatasetVersion,
    table: storage.BlobWriter,
    report: dict[str, Any],
    content_sha256: str,
    user: User,
) -> DatasetVersion:
    dataset = Dataset.objects.select_for_update().get(pk=parent.dataset_id)
    parent = get_locked(parent)
    same: DatasetVersion | None = parent.frozen.filter(sha256=table.sha256).first()
    if same is not None:
        return same
    newest = dataset.versions.aggregate(newest=Max("number"))["newest"] or 0
    frozen = DatasetVersion.objects.create(
        dataset=dataset, team=parent.team, created_by=user, number=newest + 1, parent=parent,
        state=VersionState.READY, filename=parent.filename, format=parent.format,
        size_bytes=parent.size_bytes, sha256=table.sha256, source_blob=parent.source_blob,
        prepared_blob=table.name, columns=parent.columns, n_rows=parent.n_rows, report=report,
        time_min=parent.time_min, time_max=parent.time_max, content_sha256=content_sha256,
        origin=Origin.CORRECTIONS,
    )  # fmt: skip
    record(
        "dataset.frozen", actor=user, team=parent.team, thing=frozen, parent=str(parent.pk),
        parent_number=parent.number, n_corrected=report["n_corrected"], sha256=table.sha256,
    )  # fmt: skip
    return frozen
