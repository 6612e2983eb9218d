"""The sweeps of one window over one entity: written once, compiled for the CPU and for CUDA.

Each statistic is kept as two piles, so that nothing is ever subtracted: rows that came in since the
last turn are gathered in `back`; when the window has passed all older rows, `back` is turned into
`front`, where entry j holds the statistic of rows j up to the turn. The window is front[start] with
`back`: each row is gathered twice, and what has left the window leaves no rounding behind.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COUNT, SUM, MEAN, STD, MAX = range(5)


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


def count_values(values: FloatArray, seen: IntArray) -> None:
    """Fill seen[j] with how many of the first j values are not NaN."""
    seen[0] = 0
    for j in range(len(values)):
        seen[j + 1] = seen[j] + (1 if values[j] == values[j] else 0)


def counts(seen: IntArray, first: IntArray, behind: IntArray, number: FloatArray) -> None:
    """Fill number with how many values each window holds."""
    for i in range(len(number)):
        number[i] = seen[behind[i]] - seen[first[i]]


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


def means(number: FloatArray, found: FloatArray) -> None:
    """Turn the sums in found into means; NaN where the window holds no value."""
    for i in range(len(found)):
        found[i] = found[i] / number[i] if number[i] > 0 else math.nan


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
