"""Statistics of an entity's recent past, for any number of windows in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernels._checks import check_column, check_range, check_whole_number
from kernels._dispatch import UNMEASURED, Device, Kernel, register, run
from kernels.rolling_windows.reference import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

STATISTICS = ("count", "sum", "mean", "std", "max")
_NUMBER_OF = {name: number for number, name in enumerate(STATISTICS)}

# 2**62 keeps `time - delay - window` inside 64 bits; 1e150 keeps squares and their sum finite.
_LONGEST = 2**62
_LARGEST = 1e150


def rolling_windows(  # noqa: PLR0913
    entity: NDArray[np.int64],
    time: NDArray[np.int64],
    values: NDArray[np.float64],
    windows: Sequence[int],
    *,
    delay: int = 0,
    statistics: Sequence[str] = STATISTICS,
    device: Device = "auto",
) -> NDArray[np.float64]:
    """Describe, for each row, what its entity did in the windows before it.

    A window of length w at a row of time t holds the rows of the same entity with time in
    (t - delay - w, t - delay]. Without a delay it holds the row itself; rows of the same time are
    all in it, whatever their order. Rows may come in any order; in order of time is fastest.

    A NaN is a missing value and takes no part in any statistic, `count` included. Where a window
    holds no value, `count` and `sum` are 0 and the others NaN. `std` is that of the population
    (divided by the count), so 0 for one value. Sums are right to the last place, or two where
    values of both signs cancel; spreads are gathered around a running mean; a value that has left
    the window leaves no rounding behind. Spreads below 1e-150 vanish.

    Shapes: entity (n,), time (n,), values (n,) -> (n, windows, statistics). O(n) for rows whose
    entities come in order of time, else O(n log n); for each window and statistic O(n).

    Args:
        entity: whose row it is; any 64-bit numbers.
        time: when; any unit, that of `windows` and `delay`.
        values: what is counted, summed, averaged; finite or NaN.
        windows: lengths, each at least 1.
        delay: how old a row must be before it counts, for example until a label is known.
        statistics: some of "count", "sum", "mean", "std", "max", in the order of the result.
        device: where to compute.

    Raises:
        TypeError: if a column has another type.
        ValueError: if shapes, lengths, names or magnitudes are out of range.
        DeviceError: if `device` is "cuda" and there is none.

    Source: Two piles: Tangwongsan et al., "General incremental sliding-window aggregation", VLDB
    2015, doi:10.14778/2752939.2752940 (there as a tree and two stacks; here over sorted rows).
    Sums: Ogita, Rump, Oishi, "Accurate sum and dot product", 2005, doi:10.1137/030601818, Sum2.
    """
    check_column("entity", entity, np.int64)
    check_column("time", time, np.int64, like=entity)
    check_column("values", values, np.float64, like=entity)
    check_range("time", time, _LONGEST)
    check_range("values", values, _LARGEST)
    lengths = _check_windows(windows, delay)
    columns = _check_statistics(statistics)
    return run(
        _KERNEL, entity, time, values, lengths, delay, columns, size=len(entity), device=device
    )


def window_statistics(values: Sequence[float], statistics: Sequence[str]) -> list[float]:
    """Describe one window whose values are at hand, as `rolling_windows` would at its last row.

    It is the definition that the twins are tested against, in plain Python: for a single window
    that is faster than a call of a twin, and it needs no compiler. Sums are rounded once.

    Shapes: values (n,) -> (statistics,). O(n).
    Raises: KeyError: if a statistic has another name.
    """
    return describe(values, [_NUMBER_OF[name] for name in statistics])


def _check_windows(windows: Sequence[int], delay: int) -> NDArray[np.int64]:
    check_whole_number("`delay`", delay, least=0, most=_LONGEST)
    if not len(windows):
        raise ValueError("`windows` must hold at least one length. Got none. Pass one or more.")
    for window in windows:
        check_whole_number("Each of `windows`", window, least=1, most=_LONGEST - delay)
    return np.array([int(window) for window in windows], np.int64)


def _check_statistics(statistics: Sequence[str]) -> NDArray[np.int64]:
    """Return the column of each known statistic, -1 where it is not asked for."""
    columns = np.full(len(STATISTICS), -1, np.int64)
    names = [statistics] if isinstance(statistics, str) else list(statistics)
    if not names or len(set(names)) < len(names) or not set(names) <= set(STATISTICS):
        raise ValueError(
            f"`statistics` must be some of {', '.join(STATISTICS)}, each once. "
            f"Got {', '.join(map(str, names)) or 'none'}. Name those you need."
        )
    for column, name in enumerate(names):
        columns[STATISTICS.index(name)] = column
    return columns


def _cases(rng: Generator) -> Iterator[tuple[Any, ...]]:
    every = np.arange(len(STATISTICS))
    lengths = np.array([1, 7, 30], np.int64)
    for n, n_entities in ((0, 1), (1, 1), (37, 1), (120, 5), (256, 200)):
        entity = rng.integers(0, n_entities, n)
        # Few distinct times make ties; unsorted rows and negative times come with them.
        time = rng.integers(-60, 60, n)
        values = np.round(rng.gamma(2, 30, n), 2)
        yield entity, time, values, lengths, 0, every
        yield entity, time, values, lengths, 7, every
        yield entity * 2**55 - 2**60, time * 10**12, -values, lengths * 10**12, 1, every
        missing = np.where(rng.random(n) < 0.3, np.nan, values)
        yield entity, np.sort(time), missing, lengths, 3, every
    some = np.array([1, -1, 0, -1, -1], np.int64)
    yield entity, time, values, lengths[:1], 0, some
    outlier = np.where(rng.random(n) < 0.05, 1e15, values)
    yield entity % 3, time, outlier, lengths, 0, every


_KERNEL = register(
    Kernel(
        name="rolling_windows",
        module=__name__,
        cases=_cases,
        # Sums may differ from the correctly rounded ones in the last place; spreads of Welford
        # lose as many digits as the mean is larger than the spread.
        rtol=1e-12,
        atol=1e-9,
        gpu_min_size=UNMEASURED,
    )
)
