"""What is drawn on the pictures of a version: its frozen table, and the corrections beside it."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.datasets.models import PictureLabel
from apps.datasets.services import load_page, open_media
from ml_core.data.labels.box import Box, from_text
from ml_core.data.labels.read import image_column
from ml_core.data.pictures import size_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from apps.accounts.models import User
    from apps.datasets.models import DatasetVersion
    from ml_core.data.schema import Column

SHOWS = {
    "": "All pictures", "boxes": "With boxes", "empty": "Looked at, nothing on it",
    "unseen": "Not looked at", "corrected": "Corrected here",
}  # fmt: skip
Labels = tuple[str, ...] | None  # one for each box; None where nobody has looked


@dataclass(frozen=True, slots=True)
class Drawn:
    """The boxes of one picture as they are now; revision 0 is that of the frozen table."""

    boxes: list[Box] | None
    revision: int = 0
    changed_by: User | None = None
    changed_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return them as REST and the editor read them."""
        return {
            "boxes": None if self.boxes is None else [asdict(box) for box in self.boxes],
            "revision": self.revision,
            "changed_by": str(self.changed_by) if self.changed_by else None,
            "changed_at": self.changed_at.isoformat() if self.changed_at else None,
        }


def boxes_column(version: DatasetVersion) -> Column | None:
    """Return the column that holds boxes, or None if none can be drawn."""
    if not (version.is_ready and version.has_pictures):
        return None
    schema = find_solution(version.dataset.solution).inputs()
    return next((column for column in schema.columns if column.kind == "boxes"), None)


def row_of(version: DatasetVersion, row: int) -> Mapping[str, Any] | None:
    """Return a row of the checked table, or None if there is none."""
    if not (version.is_ready and 1 <= row <= (version.n_rows or 0)):
        return None
    return load_page(version, row - 1, 1).row(0, named=True)


def drawn_on(version: DatasetVersion, column: Column, row: Mapping[str, Any]) -> Drawn:
    """Return what is drawn on the picture of a row: the correction, else what the table says."""
    rows = PictureLabel.objects.select_related("changed_by")
    found = rows.filter(version=version, row=row["row"]).first()
    if found is None:
        return Drawn(from_text(row.get(column.name)))
    boxes = [Box(**box) for box in found.boxes]
    return Drawn(boxes, found.revision, found.changed_by, found.changed_at)


def measured(version: DatasetVersion, row: Mapping[str, Any]) -> tuple[int, int]:
    """Return width and height of a row's picture. Raises: DataError: if it cannot be read."""
    name = row[image_column(find_solution(version.dataset.solution).inputs()).name]
    with open_media(version) as media:
        return size_of(media.read(name), name)


@dataclass(frozen=True, slots=True)
class Overview:
    """Which pictures bear which boxes, corrections included; the first row is 1."""

    labels: Sequence[Labels]
    corrected: frozenset[int]

    def chosen(self, show: str = "", kind: str = "") -> list[int]:
        """Return the rows to show, in order."""
        return [
            row
            for row, labels in enumerate(self.labels, 1)
            if self._fits(row, labels, show) and (not kind or kind in (labels or ()))
        ]

    def _fits(self, row: int, labels: Labels, show: str) -> bool:
        if show == "corrected":
            return row in self.corrected
        wanted = {"boxes": bool(labels), "empty": labels == (), "unseen": labels is None}
        return wanted.get(show, True)

    def n_of(self, show: str) -> int:
        """Count the pictures of a choice."""
        return len(self.chosen(show))

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """Classes by name, each with the number of its boxes."""
        return sorted(Counter(kind for labels in self.labels for kind in labels or ()).items())


def overview(version: DatasetVersion, column: Column) -> Overview:
    """Look over all pictures of a version."""
    labels = list(_table_labels(version.prepared_blob, column.name))
    changed = PictureLabel.objects.filter(version=version).values_list("row", "boxes")
    corrected = dict(changed.iterator())
    for row, boxes in corrected.items():
        labels[row - 1] = tuple(box["label"] for box in boxes)
    return Overview(labels, frozenset(corrected))


@lru_cache(maxsize=8)
def _table_labels(prepared_blob: str, name: str) -> tuple[Labels, ...]:
    with storage.open_blob(prepared_blob) as stream:
        file = pq.ParquetFile(stream)
        if name not in file.schema_arrow.names:
            return (None,) * int(file.metadata.num_rows)
        cells: list[str | None] = file.read(columns=[name]).column(0).to_pylist()
    found: list[Labels] = [
        tuple(str(box["label"]) for box in json.loads(cell)) if cell else None for cell in cells
    ]
    return tuple(found)


def neighbours(rows: Sequence[int], row: int) -> tuple[int | None, int | None]:
    """Return the rows of a choice before and after one, which may itself not be in it."""
    at = bisect_left(rows, row)
    after = at + 1 if at < len(rows) and rows[at] == row else at
    return (rows[at - 1] if at else None), (rows[after] if after < len(rows) else None)
