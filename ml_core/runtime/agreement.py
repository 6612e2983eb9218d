"""How far two ways to compute the same thing are apart, in numbers and in time."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray


def difference(wanted: Sequence[NDArray[Any]], got: Sequence[NDArray[Any]]) -> float:
    """Return the largest difference over all outputs; infinite if shapes or numbers fail.

    An output whose largest value is above 1 is measured in units of that.
    """
    if [value.shape for value in wanted] != [value.shape for value in got]:
        return float("inf")
    worst = 0.0
    for a, b in zip(wanted, got, strict=True):
        scale = max(1.0, float(np.max(np.abs(a), initial=0.0)))
        apart = float(np.max(np.abs(a.astype(np.float64) - b), initial=0.0)) / scale
        worst = max(worst, apart) if np.isfinite(apart) else float("inf")
    return worst


def taken_s(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each, which take turns, so that all meet the same machine."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            took[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in took.items()}
