"""The rows that a prediction is about, with the earlier ones that the model may look back on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from apps.catalog.services import solution as find_solution
from apps.datasets.services import load_frame, open_media
from ml_core.data.complete import complete
from solutions.api import TableBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.datasets.models import DatasetVersion
    from apps.inference.models import Prediction
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

_TOLD = ("name", "kind", "title", "unit", "personal", "role")


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch, and the number that each target row has in its file."""

    batch: TableBatch
    numbers: pl.Series

    def places_of(self, numbers: pl.Series) -> list[int]:
        """Return the places (from 0) of the target rows with these numbers, in their order."""
        wanted = pl.DataFrame({"row": numbers})
        known = pl.DataFrame({"row": self.numbers}).with_row_index("place")
        found = wanted.join(known, on="row", how="left", maintain_order="left")
        return [int(place) for place in found["place"]]


@contextmanager
def open_rows(prediction: Prediction) -> Iterator[Rows]:
    """Give the rows to score, with the files that they speak of open."""
    with open_media(prediction.dataset_version) as media:
        rows = batch_for(prediction)
        yield Rows(replace(rows.batch, media=media), rows.numbers)


def batch_for(prediction: Prediction) -> Rows:
    """Read the rows to score, and before them those of the history that are earlier."""
    schema = find_solution(prediction.solution).inputs()
    read = load_frame(prediction.dataset_version)
    numbers, targets = read["row"], complete(read, schema)
    past = None
    if prediction.history_version is not None:
        past = earlier(prediction.history_version, targets, schema)
    if past is None or past.is_empty():
        return Rows(TableBatch(targets), numbers)
    return Rows(TableBatch(pl.concat([past, targets]), start=past.height), numbers)


def earlier(version: DatasetVersion, targets: Frame, schema: Schema) -> Frame | None:
    """Return the rows of a version from before the first target; None where there is no time."""
    time = schema.role("time")
    if time is None or targets.is_empty():
        return None
    first = targets[time.name].min()
    return complete(load_frame(version), schema).filter(pl.col(time.name) < pl.lit(first))


def input_columns(slug: str) -> list[dict[str, Any]]:
    """Return what the pages must know of each input column, as plain JSON."""
    columns = find_solution(slug).inputs().columns
    return [{key: asdict(column)[key] for key in _TOLD} for column in columns]
