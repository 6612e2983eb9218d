"""What to time rolling windows on, and the same work by a library a user would pick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_LENGTHS = np.array([1, 7, 30], np.int64) * 86_400
_COUNT_AND_MEAN = np.array([0, -1, 1, -1, -1], np.int64)


def sizes() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield small, medium and large inputs: some 350 rows for each entity in half a year."""
    for name, n in (("small", 1_000), ("medium", 100_000), ("large", 2_000_000)):
        rng = np.random.default_rng(0)
        entity = rng.integers(0, n // 350 + 1, n)
        time = np.sort(rng.integers(0, 183 * 86_400, n))
        values = np.round(rng.gamma(2, 30, n), 2)
        yield name, (entity, time, values, _LENGTHS, 0, _COUNT_AND_MEAN)


def peers() -> dict[str, Callable[..., Any]]:
    """Return the same windows by pandas; those of Polars and DuckDB stand in `benchmarks/`."""
    return {"pandas": _pandas}


def _pandas(
    entity: NDArray[np.int64],
    time: NDArray[np.int64],
    values: NDArray[np.float64],
    windows: NDArray[np.int64],
    *_: object,
) -> list[Any]:
    pandas = import_module("pandas")
    index = pandas.DatetimeIndex(time.astype("datetime64[s]"))
    groups = pandas.DataFrame({"entity": entity, "value": values}, index=index).groupby("entity")
    rolled = [groups["value"].rolling(f"{window}s") for window in windows]
    return [(rolling.count(), rolling.mean()) for rolling in rolled]
