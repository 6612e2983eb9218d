"""The rows that a view is made from: a version of a dataset, and what came before its first row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from apps.catalog.services import solution as find_solution
from apps.datasets.services import load_frame
from ml_core.data.complete import complete

if TYPE_CHECKING:
    from apps.datasets.models import DatasetVersion
    from ml_core.features.view import FeatureView as Definition
    from ml_core.typing import Frame

Source = dict[str, Any]


def rows_of(version: DatasetVersion, view: Definition) -> tuple[Frame, list[Source]]:
    """Return the rows of a version with those of earlier versions from before its first.

    So a file with all rows replaces what was there, and one with new rows alone is appended.
    Each source tells which version it was, and how many rows came from it.

    Raises: DataError: if a version cannot be read.
    """
    parts: list[Frame] = []
    sources: list[Source] = []
    oldest: Any = None
    for one in _versions(version):
        begins = one.time_min
        if oldest is not None and begins is not None and begins.replace(tzinfo=None) >= oldest:
            continue
        part = _read(one, view)
        if oldest is not None:
            part = part.filter(pl.col(view.time) < pl.lit(oldest))
        if part.is_empty():
            continue
        oldest = part[view.time].min()
        parts.append(part)
        sources.append(
            {"version": str(one.pk), "number": one.number, "sha256": one.sha256,
             "n_rows": part.height}
        )  # fmt: skip
    return pl.concat(parts[::-1]) if parts else _read(version, view), sources[::-1]


def _versions(version: DatasetVersion) -> list[DatasetVersion]:
    """Return a version and the ready ones before it, newest first."""
    earlier = version.dataset.versions.filter(number__lt=version.number, state="ready")
    return [version, *earlier.order_by("-number")]


def _read(version: DatasetVersion, view: Definition) -> Frame:
    schema = find_solution(version.dataset.solution).inputs()
    return complete(load_frame(version), schema).select(view.columns)
