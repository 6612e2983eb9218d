"""Rolling windows on the CPU: entities side by side, each swept once for every window.

Each statistic is kept as two piles, so that nothing is ever subtracted: rows that came in since the
last turn are gathered in `back`; when the window has passed all older rows, `back` is turned into
`front`, where entry j holds the statistic of rows j up to the turn. The window is front[start] with
`back`: each row is gathered twice, and what has left the window leaves no rounding behind.

The sweeps of one window are compiled again for CUDA by `gpu.py`. They stand in this file with their
callers, since Numba's cache looks at no other file to see whether it is out of date.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from kernels._grouping import group

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COUNT, SUM, MEAN, STD, MAX = range(5)

# Parts for each thread: enough to even out entities of unlike size.
_PARTS = 16
_NEVER = np.iinfo(np.int64).max
# Times behind the last row that the search may look at.
_PAD = 4
_0, _1, _2, _3 = np.arange(4, dtype=np.uint64)


def run(
    entity: IntArray,
    time: IntArray,
    values: FloatArray,
    windows: IntArray,
    delay: int,
    columns: IntArray,
) -> FloatArray:
    """Return statistics (n, windows, columns); see the package for what they mean."""
    groups = group(entity, time)
    n_parts = _PARTS * get_num_threads()
    shares = np.arange(n_parts + 1) * len(entity) // n_parts
    parts = np.searchsorted(groups.starts, shares)
    parts[-1] = len(groups.starts) - 1
    ages = np.concatenate(([delay], windows + delay))
    out = np.empty((len(entity), len(windows), int((columns >= 0).sum())), np.float64)
    _sweep_all(groups.order, groups.starts, groups.time, values, ages, columns, parts, out)
    return out


class _Desk(NamedTuple):
    """What one thread needs at hand, as long as its longest entity; filled anew for each."""

    time: IntArray
    bounds: IntArray
    seen: IntArray
    values: FloatArray
    totals: FloatArray
    piles: FloatArray
    number: FloatArray
    found: FloatArray


@njit(cache=True, parallel=True)
def _sweep_all(
    order: IntArray,
    starts: IntArray,
    time: IntArray,
    values: FloatArray,
    ages: IntArray,
    columns: IntArray,
    parts: IntArray,
    out: FloatArray,
) -> None:
    for part in prange(len(parts) - 1):
        longest = 0
        for code in range(parts[part], parts[part + 1]):
            longest = max(longest, starts[code + 1] - starts[code])
        desk = _make_desk(longest, len(ages))
        for code in range(parts[part], parts[part + 1]):
            start, stop = starts[code], starts[code + 1]
            rows = order[start:stop]
            _lay_out(desk, rows, time[start:stop], values)
            _find_bounds(desk.time, len(rows), ages, desk.bounds)
            exact = _measure(desk.values[: len(rows)], desk.seen)
            if exact:
                _totals(desk.values[: len(rows)], desk.totals)
            for w in range(len(ages) - 1):
                _sweep_one(desk, rows, w, exact, columns, out[:, w])


@njit(cache=True)
def _make_desk(n: int, n_ages: int) -> _Desk:
    return _Desk(
        time=np.empty(n + _PAD, np.int64),
        bounds=np.empty((n_ages, n), np.int64),
        seen=np.empty(n + 1, np.int64),
        values=np.empty(n, np.float64),
        totals=np.empty((2, n + 1), np.float64),
        piles=np.empty((2, n), np.float64),
        number=np.empty(n, np.float64),
        found=np.empty(n, np.float64),
    )


@njit(cache=True)
def _lay_out(desk: _Desk, rows: IntArray, time: IntArray, values: FloatArray) -> None:
    for j in range(len(rows)):
        desk.time[j] = time[j]
        desk.values[j] = values[np.uint64(rows[j])]
    desk.time[len(rows) : len(rows) + _PAD] = _NEVER


@njit(cache=True)
def _find_bounds(time: IntArray, n: int, ages: IntArray, bounds: IntArray) -> None:
    """Fill bounds[a] with the first of n rows younger than age a, as seen from each row.

    All ages walk together, so that the processor need not wait for one of them. Places are
    unsigned, since Numba asks of a signed one each time whether it counts from the end.
    """
    places = np.zeros(len(ages), np.uint64)
    for i in range(n):
        for age in range(len(ages)):
            oldest = time[i] - ages[age]
            at = places[age]
            # Four looks without a branch: how far to go is a coin toss that no processor foresees.
            at += (
                (_1 if time[at] <= oldest else _0)
                + (_1 if time[at + _1] <= oldest else _0)
                + (_1 if time[at + _2] <= oldest else _0)
                + (_1 if time[at + _3] <= oldest else _0)
            )
            while time[at] <= oldest:
                at += _1
            places[age] = at
            bounds[age, i] = np.int64(at)


@njit(cache=True)
def _measure(values: FloatArray, seen: IntArray) -> bool:
    """Fill seen[j] with how many of the first j are not NaN; tell whether totals stay exact.

    Each value is a multiple of a unit above 2**-53 of the smallest magnitude. What rounding takes
    from n totals is a multiple of it too, and adds up to less than n * 2**-53 of the total of all
    magnitudes. A double holds it while it is below 2**53 units; 2**52 leaves room for the rounding
    of this total itself.
    """
    seen[0] = 0
    total, smallest = 0.0, np.inf
    for j in range(len(values)):
        size = abs(values[j])
        there = not np.isnan(size)
        seen[j + 1] = seen[j] + there
        total += size if there else 0.0
        smallest = min(smallest, size if size > 0 else np.inf)
    return total * len(values) < smallest * 2.0**52


@njit(cache=True)
def _totals(values: FloatArray, totals: FloatArray) -> None:
    """Fill totals[:, j] with the sum of the first j values in two doubles."""
    total = rest = 0.0
    totals[:, 0] = 0.0
    for j in range(len(values)):
        value = values[j] if values[j] == values[j] else 0.0
        rest += lost(total, value)
        total += value
        totals[0, j + 1] = total
        totals[1, j + 1] = rest


@njit(cache=True)
def _differences(first: IntArray, behind: IntArray, totals: FloatArray, found: FloatArray) -> None:
    """Fill found with sums as differences of exact totals: one rounding at the end."""
    for i in range(len(found)):
        start, stop = np.uint64(first[i]), np.uint64(behind[i])
        total, before = totals[0, stop], -totals[0, start]
        rest = totals[1, stop] - totals[1, start]
        found[i] = (total + before) + (lost(total, before) + rest)


@njit(cache=True)
def _sweep_one(
    desk: _Desk,
    rows: IntArray,
    w: int,
    exact: bool,  # noqa: FBT001
    columns: IntArray,
    out: FloatArray,
) -> None:
    n = len(rows)
    values, number, found = desk.values[:n], desk.number[:n], desk.found[:n]
    first, behind = desk.bounds[w + 1, :n], desk.bounds[0, :n]
    counts(desk.seen, first, behind, number)
    if columns[COUNT] >= 0:
        _place(number, rows, out, columns[COUNT])
    if columns[SUM] >= 0 or columns[MEAN] >= 0:
        if exact:
            _differences(first, behind, desk.totals, found)
        else:
            sums(values, first, behind, desk.piles, found)
    if columns[SUM] >= 0:
        _place(found, rows, out, columns[SUM])
    if columns[MEAN] >= 0:
        means(number, found)
        _place(found, rows, out, columns[MEAN])
    if columns[STD] >= 0:
        spreads(values, desk.seen, first, behind, desk.piles, found)
        _place(found, rows, out, columns[STD])
    if columns[MAX] >= 0:
        maxima(values, first, behind, desk.piles, found)
        _place(found, rows, out, columns[MAX])


@njit(cache=True)
def _place(found: FloatArray, rows: IntArray, out: FloatArray, column: int) -> None:
    for j in range(len(rows)):
        out[np.uint64(rows[j]), column] = found[j]


@njit(cache=True)
def lost(total: float, value: float) -> float:
    """Return what rounding takes from total + value (Knuth's TwoSum, exact)."""
    rounded = total + value
    shadow = rounded - total
    return (total - (rounded - shadow)) + (value - shadow)


@njit(cache=True)
def spread_of_both(
    n: float, mean: float, m2: float, other_n: float, other_mean: float, other_m2: float
) -> float:
    """Return the sum of squared deviations of two sets put together (Chan et al., 1983)."""
    if n == 0 or other_n == 0:
        return m2 + other_m2
    delta = other_mean - mean
    return m2 + other_m2 + delta * delta * (n * other_n / (n + other_n))


@njit(cache=True)
def count_values(values: FloatArray, seen: IntArray) -> None:
    """Fill seen[j] with how many of the first j values are not NaN."""
    seen[0] = 0
    for j in range(len(values)):
        seen[j + 1] = seen[j] + (1 if values[j] == values[j] else 0)


@njit(cache=True)
def counts(seen: IntArray, first: IntArray, behind: IntArray, number: FloatArray) -> None:
    """Fill number with how many values each window holds."""
    for i in range(len(number)):
        number[i] = seen[behind[i]] - seen[first[i]]


@njit(cache=True)
def sums(
    values: FloatArray, first: IntArray, behind: IntArray, front: FloatArray, found: FloatArray
) -> None:
    """Fill found with compensated sums (Ogita, Rump and Oishi, 2005, Sum2)."""
    turn = taken = 0
    back = back_lost = 0.0
    for i in range(len(found)):
        start, stop = first[i], behind[i]
        if start > turn:
            total = rest = 0.0
            for j in range(stop - 1, start - 1, -1):
                value = values[j] if values[j] == values[j] else 0.0
                rest += lost(total, value)
                total += value
                front[0, j] = total
                front[1, j] = rest
            turn = taken = stop
            back = back_lost = 0.0
        for j in range(taken, stop):
            value = values[j] if values[j] == values[j] else 0.0
            back_lost += lost(back, value)
            back += value
        taken = stop
        if start < turn:
            rest = lost(front[0, start], back) + front[1, start] + back_lost
            found[i] = (front[0, start] + back) + rest
        else:
            found[i] = back + back_lost


@njit(cache=True, error_model="numpy")
def means(number: FloatArray, found: FloatArray) -> None:
    """Turn the sums in found into means; NaN where the window holds no value."""
    for i in range(len(found)):
        found[i] = found[i] / number[i] if number[i] > 0 else math.nan


@njit(cache=True)
def maxima(
    values: FloatArray, first: IntArray, behind: IntArray, front: FloatArray, found: FloatArray
) -> None:
    """Fill found with the largest value of each window; NaN where it holds none."""
    turn = taken = 0
    back = -math.inf
    for i in range(len(found)):
        start, stop = first[i], behind[i]
        if start > turn:
            most = -math.inf
            for j in range(stop - 1, start - 1, -1):
                # A comparison with NaN is false: a missing value changes nothing.
                if values[j] > most:  # noqa: PLR1730
                    most = values[j]
                front[0, j] = most
            turn = taken = stop
            back = -math.inf
        for j in range(taken, stop):
            if values[j] > back:  # noqa: PLR1730
                back = values[j]
        taken = stop
        most = back
        if start < turn and front[0, start] > most:
            most = front[0, start]
        found[i] = most if most > -math.inf else math.nan


@njit(cache=True, error_model="numpy")
def spreads(
    values: FloatArray,
    seen: IntArray,
    first: IntArray,
    behind: IntArray,
    front: FloatArray,
    found: FloatArray,
) -> None:
    """Fill found with standard deviations (Welford, 1962); NaN where there is no value."""
    turn = taken = 0
    back_mean = back_m2 = 0.0
    for i in range(len(found)):
        start, stop = first[i], behind[i]
        if start > turn:
            mean = m2 = 0.0
            for j in range(stop - 1, start - 1, -1):
                if values[j] == values[j]:
                    delta = values[j] - mean
                    mean += delta / (seen[stop] - seen[j])
                    m2 += delta * (values[j] - mean)
                front[0, j] = mean
                front[1, j] = m2
            turn = taken = stop
            back_mean = back_m2 = 0.0
        for j in range(taken, stop):
            if values[j] == values[j]:
                delta = values[j] - back_mean
                back_mean += delta / (seen[j + 1] - seen[turn])
                back_m2 += delta * (values[j] - back_mean)
        taken = stop
        n, m2 = seen[stop] - seen[start], back_m2
        if start < turn:
            n_front, n_back = seen[turn] - seen[start], seen[stop] - seen[turn]
            m2 = spread_of_both(
                n_front, front[0, start], front[1, start], n_back, back_mean, back_m2
            )
        found[i] = math.sqrt(m2 / n) if n > 0 else math.nan
