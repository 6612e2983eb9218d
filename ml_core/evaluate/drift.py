"""How far the values of a column have moved from those of a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from ml_core.typing import FloatArray

N_BINS = 10
_HALF = 0.5  # a count for what was never seen, so that no logarithm is infinite


@dataclass(frozen=True, slots=True)
class Shift:
    """How far two distributions lie apart.

    `effect` does not grow with the number of rows: the Kolmogorov-Smirnov distance of numbers, or
    Cramér's V of categories, each between 0 and 1. `p` says whether so much could be chance; of a
    million rows almost everything is significant, so it never decides alone.
    """

    psi: float
    effect: float
    p: float


def psi(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the population stability index of two counts over the same bins.

    Shapes: reference (k,), current (k,) counts -> a number of 0 or more; 0.1 is usually called a
    small shift and 0.25 a large one.
    Source: Yurdakul, "Statistical properties of the population stability index" (2018), eq. 1;
    here half a row is added to each bin, so that an empty one is no infinite shift.
    """
    old, new = (np.asarray(counts, dtype=float) for counts in (reference, current))
    seen = (old + new) > 0
    old, new = old[seen] + _HALF, new[seen] + _HALF
    old, new = old / old.sum(), new / new.sum()
    return float(((new - old) * np.log(new / old)).sum())


def shift_of_numbers(
    reference: ArrayLike, current: ArrayLike, *, n_bins: int = N_BINS
) -> Shift | None:
    """Compare numbers: PSI over the deciles of the reference, and Kolmogorov-Smirnov.

    Shapes: reference (n,), current (m,), no NaN; None if one of them has less than two.
    """
    from scipy.stats import ks_2samp  # noqa: PLC0415  takes a second, and jobs alone need it

    old, new = (np.asarray(values, dtype=float) for values in (reference, current))
    if min(old.size, new.size) < 2:
        return None
    distance = ks_2samp(old, new, method="asymp")
    return Shift(psi(*_binned(old, new, n_bins)), float(distance.statistic), float(distance.pvalue))


def _binned(old: FloatArray, new: FloatArray, n_bins: int) -> tuple[FloatArray, FloatArray]:
    """Count both within bins that each hold the same share of the reference."""
    few = np.unique(old)
    if few.size <= 2 * n_bins:
        values, places = np.unique(np.concatenate([old, new]), return_inverse=True)
        halves = places[: old.size], places[old.size :]
        n = values.size
    else:
        edges = np.unique(np.quantile(old, np.linspace(0, 1, n_bins + 1)[1:-1]))
        halves = np.searchsorted(edges, old), np.searchsorted(edges, new)
        n = edges.size + 1
    counts = [np.bincount(half, minlength=n).astype(float) for half in halves]
    return counts[0], counts[1]


def shift_of_categories(reference: Mapping[str, int], current: Mapping[str, int]) -> Shift | None:
    """Compare counts of names: PSI, and chi-square with Cramér's V as its effect.

    None if there is nothing on one side. One name on both sides is no shift.
    Source: Cramér, "Mathematical Methods of Statistics" (1946), ch. 21.
    """
    from scipy.stats import chi2_contingency  # noqa: PLC0415  as above

    names = sorted(set(reference) | set(current))
    table = np.array([[counts.get(name, 0) for name in names] for counts in (reference, current)])
    table = table[:, table.sum(axis=0) > 0]
    if (table.sum(axis=1) == 0).any():
        return None
    if table.shape[1] < 2:
        return Shift(0.0, 0.0, 1.0)
    tested = chi2_contingency(table, correction=False)
    effect = float(np.sqrt(tested.statistic / table.sum()))
    return Shift(psi(table[0], table[1]), min(1.0, effect), float(tested.pvalue))
