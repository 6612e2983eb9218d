"""Keep the good rows of a rejected version as a new one, and the bad ones beside it."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max

from apps.audit.services import record
from apps.datasets.errors import ConflictError
from apps.datasets.exports import PIECE_CHARS, safe_cell
from apps.datasets.labelling import get_locked
from apps.datasets.models import Dataset, DatasetVersion, Origin, VersionState
from apps.jobs.services import enqueue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from apps.accounts.models import User
    from apps.datasets.storage import BlobWriter
    from ml_core.data.quarantine import BadRow

COLUMNS = ("row", "reason")
TEXT = "text of the row"


@transaction.atomic
def keep_good_rows(version: DatasetVersion, user: User) -> DatasetVersion:
    """Have the good rows of a rejected version made into a new one; it shares the file.

    Asked again, with the same columns chosen, it gives the version that is there or being made.

    Raises: ConflictError: if the version is not rejected, or gone.
    """
    # One at a time: two who ask at once get one version.
    Dataset.objects.select_for_update().filter(pk=version.dataset_id).first()
    parent = get_locked(version)
    if parent.state != VersionState.REJECTED:
        message = (
            f"A version must be rejected for its good rows to be kept. This one is {parent.state}. "
            "Nothing to do."
        )
        raise ConflictError(message)
    made = parent.frozen.filter(origin=Origin.QUARANTINE).exclude(state=VersionState.FAILED)
    same: DatasetVersion | None = next((one for one in made if one.mapping == parent.mapping), None)
    if same is not None:
        return same
    newest = parent.dataset.versions.aggregate(newest=Max("number"))["newest"] or 0
    kept = DatasetVersion.objects.create(
        dataset=parent.dataset, team=parent.team, created_by=user, number=newest + 1, parent=parent,
        state=VersionState.CHECKING, origin=Origin.QUARANTINE, filename=parent.filename,
        format=parent.format, size_bytes=parent.size_bytes, sha256=parent.sha256,
        source_blob=parent.source_blob, columns=parent.columns, mapping=parent.mapping,
    )  # fmt: skip
    kept.job = enqueue(
        kind="quarantine", title=f"Keep the good rows of {parent}", team=parent.team, user=user,
        params={"version": str(kept.pk)}, solution=parent.dataset.solution,
    )  # fmt: skip
    kept.save(update_fields=["job"])
    record(
        "dataset.quarantine_begun", actor=user, team=parent.team, thing=kept,
        parent=str(parent.pk), parent_number=parent.number,
    )  # fmt: skip
    return kept


class AsideFile:
    """The rows that were put aside, as a CSV that no spreadsheet runs anything of."""

    def __init__(self, out: BlobWriter, names: Sequence[str]) -> None:
        self._out = out
        self._n_cells = len(names)
        self._buffer = io.StringIO()
        self._writer = csv.writer(self._buffer)
        self._numbers: list[int] = []
        self.n_rows = 0
        self._buffer.write("\ufeff")
        self._writer.writerow([safe_cell(name) for name in (*COLUMNS, *names, TEXT)])
        self._flush()

    def add(self, rows: Iterable[BadRow]) -> None:
        """Put some rows aside."""
        for row in rows:
            cells = row.cells or ("",) * self._n_cells
            line = (row.row, row.reason, *cells, row.text)
            self._writer.writerow([safe_cell(_plain(cell)) for cell in line])
            self.n_rows += 1
            if row.row is not None:
                self._numbers.append(row.row)
            if self._buffer.tell() > PIECE_CHARS:
                self._flush()
        self._flush()

    def _flush(self) -> None:
        self._out.write(self._buffer.getvalue().encode(errors="replace"))
        self._buffer.seek(0)
        self._buffer.truncate()

    def number_in_file(self, kept: Sequence[int]) -> list[int]:
        """Return the numbers in the file of rows that were numbered anew without these."""
        before = [number - place for place, number in enumerate(sorted(self._numbers))]
        return [row + bisect_right(before, row) for row in kept]


def _plain(cell: object) -> object:
    return cell.isoformat() if isinstance(cell, datetime | date) else cell
