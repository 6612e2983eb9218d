"""Cut questions by picture: no picture is in two parts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.split import whole_groups
from ml_core.errors import DataError, Issue
from solutions.api import Split

if TYPE_CHECKING:
    from solutions.api import TableBatch
    from solutions.vqa.options import VqaOptions

LEAST = 3


def split(batch: TableBatch, options: VqaOptions, seed: int) -> Split:
    """Cut the answered questions into parts of different pictures.

    Pictures that are the same to the byte count as one, whatever their names.
    Raises: DataError: if there are too few.
    """
    frame = batch.targets.filter(pl.col("answer").is_not_null())
    names = frame["picture"].unique(maintain_order=True).to_list()
    twins = {name: hashlib.sha256(batch.media.read(name)).hexdigest() for name in names}
    pictures = list(dict.fromkeys(twins[name] for name in names))
    if len(pictures) < LEAST:
        message = (
            f"There must be {LEAST} different pictures with answers to learn from. "
            f"Got {len(pictures)}. Add some."
        )
        raise DataError(Issue("too_few_pictures", message, column="answer"))
    part = whole_groups(pictures, valid=options.valid_share, test=options.test_share, seed=seed)
    number = frame["picture"].replace_strict({n: part[twins[n]] for n in names})
    train, valid, test = (batch.over(frame.filter(number == which)) for which in range(3))
    counts = ", ".join(f"{len(one):,}" for one in (train, valid, test))
    how = (
        f"By picture: {len(pictures):,} different ones. Questions to learn from, to choose with "
        f"and to report on: {counts}."
    )
    return Split(train, valid, test, how)
