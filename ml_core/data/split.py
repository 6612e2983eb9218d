"""Cutting a table into train, valid and test so that no part knows of another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ml_core.errors import DataError, Issue
from ml_core.seed import generator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import polars as pl

    from ml_core.typing import Frame, IntArray

Share = float | timedelta
NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Cut:
    """Row numbers of each part, rising, and in words how they were cut."""

    train: IntArray
    valid: IntArray
    test: IntArray
    how: str


def by_time(frame: Frame, time: str, *, valid: Share, test: Share, gap: timedelta = NO_TIME) -> Cut:
    """Cut so that every part lies after the one before it, `gap` apart.

    `valid` and `test` are each a share of the rows or a stretch of time. Rows inside a gap, in
    which labels are not yet known, belong to no part. Rows of one moment stay together.

    Shapes: frame (n, _), in any order.
    Raises: DataError: if a part would be empty.
    """
    moments = frame[time]
    test_from = _edge(moments, test)
    valid_from = _edge(moments.filter(moments < test_from - gap), valid)
    parts = {
        "train": moments < valid_from - gap,
        "valid": (moments >= valid_from) & (moments < test_from - gap),
        "test": moments >= test_from,
    }
    apart = f", {gap.total_seconds() / 86400:g} days apart" if gap else ""
    how = f"By {time}: validation from {_text(valid_from)}, test from {_text(test_from)}{apart}."
    return _cut({name: mask.arg_true().to_numpy() for name, mask in parts.items()}, how)


def by_group(frame: Frame, group: str, *, valid: float, test: float, seed: int) -> Cut:
    """Cut so that all rows of a group lie in one part; shares count groups.

    Shapes: frame (n, _). Raises: DataError: if a part would be empty.
    """
    codes = frame[group].rank("dense").to_numpy().astype(np.int64) - 1
    parts = _shuffled(int(codes.max(initial=-1)) + 1, valid, test, seed)
    rows = {name: np.flatnonzero(np.isin(codes, groups)) for name, groups in parts.items()}
    return _cut(rows, f"By {group}: each of its values lies in one part only, drawn at random.")


def whole_groups(names: Sequence[str], *, valid: float, test: float, seed: int) -> dict[str, int]:
    """Draw the part of each group: 0 to learn from, 1 to choose with, 2 to report on.

    Validation and test get at least one group each; shares count groups.
    """
    drawn = list(names)
    generator(seed, "split").shuffle(drawn)
    n_valid, n_test = (max(1, round(len(drawn) * share)) for share in (valid, test))
    ends = np.searchsorted([n_valid, n_valid + n_test], np.arange(len(drawn)), side="right")
    return dict(zip(drawn, [(1, 2, 0)[end] for end in ends], strict=True))


def at_random(frame: Frame, *, valid: float, test: float, seed: int) -> Cut:
    """Cut single rows by chance; only for rows that know nothing of each other.

    Shapes: frame (n, _). Raises: DataError: if a part would be empty.
    """
    return _cut(_shuffled(frame.height, valid, test, seed), "Row by row, drawn at random.")


def _shuffled(n: int, valid: float, test: float, seed: int) -> dict[str, IntArray]:
    order = generator(seed, "split").permutation(n)
    n_test, n_valid = round(n * test), round(n * valid)
    return {
        "test": np.sort(order[:n_test]),
        "valid": np.sort(order[n_test : n_test + n_valid]),
        "train": np.sort(order[n_test + n_valid :]),
    }


def _edge(moments: pl.Series, share: Share) -> datetime:
    """Return the first moment of the last `share` of the rows or of the time."""
    if moments.is_empty():
        raise DataError(_empty("train"))
    if isinstance(share, timedelta):
        last: datetime = moments.max()  # type: ignore[assignment]
        return last - share + timedelta(microseconds=1)
    place = min(len(moments) - 1, round(len(moments) * (1 - share)))
    edge: datetime = moments.sort()[place]
    return edge


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _cut(parts: dict[str, IntArray], how: str) -> Cut:
    for name, rows in parts.items():
        if not len(rows):
            raise DataError(_empty(name))
    train, valid, test = (parts[name].astype(np.int64) for name in ("train", "valid", "test"))
    return Cut(train, valid, test, how)


def _empty(part: str) -> Issue:
    return Issue(
        "too_little_data",
        f"The {part} part must have rows. Got none. Give more data or a longer stretch of time.",
    )
