"""Columns of a file that no model reads: asked all the same whether they know the label."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from ml_core.data.casting import cast, settle
from ml_core.data.inspection.leakage import Leakage, named_like_label
from ml_core.data.read import chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ml_core.data.inspection.finding import Finding
    from ml_core.data.preview import Sniffed
    from ml_core.data.schema import Schema

MOST_COLUMNS = 64
_LABEL = "\0label"  # no column of a file is named so


def leaks_of_unread(
    stream: BinaryIO,
    sniffed: Sniffed,
    schema: Schema,
    labels: pl.Series,
    unread: Sequence[str],
    *,
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> list[Finding]:
    """Find unread columns that tell the label, by what they hold or by their names alone.

    Only the first 64 are read. `labels` has one value for each row of the file.

    Shapes: labels (n,). Raises: DataError: as the reading of a file.
    """
    asked = list(unread)[:MOST_COLUMNS]
    label = schema.role("label")
    if label is None or not asked:
        return []
    leakage = Leakage(label.name, columns=asked, unread=True, label_in=_LABEL)
    styles: dict[str, str] = {}
    for chunk in chunks(stream, sniffed, asked):
        read = [_as_asked(chunk.frame[name], styles) for name in asked]
        own = labels.slice(chunk.first_row - 1, chunk.frame.height).rename(_LABEL)
        leakage.add(pl.DataFrame([own, *read]), chunk.first_row)
        progress(chunk.first_row + chunk.frame.height - 1, chunk.share)
    found = leakage.findings()
    measured = {one.column for one in found}
    return found + [one for one in named_like_label(schema, unread) if one.column not in measured]


def _as_asked(values: pl.Series, styles: dict[str, str]) -> pl.Series:
    """Read numbers as numbers; of what is none keep a digest, since texts may be long."""
    if values.name not in styles:
        style = settle("number", values)
        known = values.drop_nulls()
        n_read = cast("number", known, style).is_not_null().sum()
        styles[values.name] = style if 2 * n_read > known.len() else "text"
    if styles[values.name] == "text":
        # Lists and bytes are no text, but have a digest; of categories it would be of a number
        # that each part of a file gives anew.
        is_named = values.dtype in (pl.Categorical, pl.Enum)
        named = values.cast(pl.String) if is_named else values
        return named.hash(seed=29).cast(pl.String).set(values.is_null(), None)
    return cast("number", values, styles[values.name]).rename(values.name)
