"""Cut pictures by part or series, so that no part is both learnt from and measured on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.split import whole_groups
from ml_core.errors import DataError, Issue
from solutions.api import Split

if TYPE_CHECKING:
    from solutions.api import TableBatch
    from solutions.casting.options import CastingOptions

LEAST = 6


def split(batch: TableBatch, options: CastingOptions, seed: int) -> Split:
    """Cut the pictures that somebody has looked at.

    Raises: DataError: if there are too few, or no box among them.
    """
    frame = batch.targets.filter(pl.col("boxes").is_not_null())
    if frame.height < LEAST or frame.filter(pl.col("boxes") != "[]").is_empty():
        message = (
            f"There must be {LEAST} pictures that were looked at, some with boxes, to learn. "
            f"Got {frame.height} and {frame.filter(pl.col('boxes') != '[]').height}. Draw more."
        )
        raise DataError(Issue("too_few_labels", message, column="boxes"))
    group, what = _groups(frame, options)
    names = group.unique(maintain_order=True).to_list()
    if len(names) < 3:
        group, what = frame["picture"], "picture, since there are fewer than three series"
        names = group.unique(maintain_order=True).to_list()
    part = whole_groups(names, valid=options.valid_share, test=options.test_share, seed=seed)
    number = group.replace_strict(part)
    train, valid, test = (batch.over(frame.filter(number == which)) for which in range(3))
    counts = ", ".join(f"{len(one):,}" for one in (train, valid, test))
    how = f"By {what}: {len(names):,}. Pictures to learn, to choose and to report: {counts}."
    return Split(train, valid, test, how)


def _groups(frame: pl.DataFrame, options: CastingOptions) -> tuple[pl.Series, str]:
    if options.group_pattern:
        return _by_name(frame, options.group_pattern), "series in the file name"
    for column, what in (("part", "part"), ("series", "series")):
        if frame[column].null_count() == 0 and frame[column].n_unique() > 2:
            return frame[column], what
    return frame["picture"], "picture"


def _by_name(frame: pl.DataFrame, pattern: str) -> pl.Series:
    try:
        known = re.compile(pattern)
    except re.error as error:
        message = (
            f"The pattern must be a regular expression. Got {pattern!r} ({error}). Correct it."
        )
        raise DataError(Issue("bad_pattern", message)) from error
    if known.groups < 1:
        message = f"The pattern must have a group in brackets. Got {pattern!r}. Add one."
        raise DataError(Issue("bad_pattern", message))
    found = [m[1] if (m := known.search(name)) else name for name in frame["picture"]]
    return pl.Series("group", found, dtype=pl.String)
