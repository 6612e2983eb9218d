"""Rows brought together by entity and in order of time, mostly by counting."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

_NO_KEYS = np.empty(0, np.int64)
# Codes spread over at most this many times the number of rows are counted directly.
_DENSE = 4


class Groups(NamedTuple):
    """Rows sorted by entity, then time, then row number.

    Attributes:
        order: row numbers in that order (n).
        starts: where each group begins in `order`, and the end (groups + 1).
        time: times in that order (n).
        low: the entity of group 0 where entities are dense.
        keys: hash table of entities where they are not; else empty.
        codes: the group of each key of the table.
    """

    order: IntArray
    starts: IntArray
    time: IntArray
    low: int
    keys: IntArray
    codes: IntArray

    def find(self, entity: IntArray) -> IntArray:
        """Return the group of each entity, or -1 where no row has it."""
        if self.keys.size:
            return np.asarray(_look_up(entity, self.keys, self.codes), np.int64)
        with np.errstate(over="ignore"):
            # Outside the range, not below: the difference of far entities may wrap around.
            inside = (entity >= self.low) & (entity <= self.low + len(self.starts) - 2)
            return np.where(inside, entity - self.low, -1)


def group(entity: IntArray, time: IntArray) -> Groups:
    """Sort rows by entity and time: counting for entities, a check or merge sort for times.

    Shapes: entity (n,), time (n,). O(n) if each entity's rows come in order of time,
    else O(n log n).
    """
    n = len(entity)
    low, high = (int(entity.min()), int(entity.max())) if n else (0, -1)
    keys, codes = _NO_KEYS, _NO_KEYS
    n_groups = high - low + 1
    if n_groups > _DENSE * n + 1024:
        entity, keys, codes = _encode(entity)
        low, n_groups = 0, int(codes.max()) + 1
    # Each chunk of rows has counters of its own: no more of them than there are rows.
    n_chunks = max(1, min(get_num_threads(), n // max(n_groups, 1)))
    # NumPy asks for huge pages and Numba does not: that halves the time of the scattered writes.
    order, times, starts = (
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n_groups + 1, np.int64),
    )
    _sort_by_code(entity, time, low, n_chunks, order, times, starts)
    _sort_by_time(order, starts, times)
    return Groups(order, starts, times, low, keys, codes)


@njit(cache=True, parallel=True)
def _sort_by_code(  # noqa: PLR0913, PLR0917
    entity: IntArray,
    time: IntArray,
    low: int,
    n_chunks: int,
    order: IntArray,
    times: IntArray,
    starts: IntArray,
) -> None:
    n, n_groups = len(entity), len(starts) - 1
    cursor = np.zeros((n_chunks, n_groups), np.int64)
    for chunk in prange(n_chunks):
        for i in range(chunk * n // n_chunks, (chunk + 1) * n // n_chunks):
            cursor[chunk, entity[i] - low] += 1
    position = 0
    for code in range(n_groups):
        starts[code] = position
        for chunk in range(n_chunks):
            size = cursor[chunk, code]
            cursor[chunk, code] = position
            position += size
    starts[n_groups] = position
    for chunk in prange(n_chunks):
        for i in range(chunk * n // n_chunks, (chunk + 1) * n // n_chunks):
            position = cursor[chunk, entity[i] - low]
            cursor[chunk, entity[i] - low] = position + 1
            order[position] = i
            times[position] = time[i]


@njit(cache=True, parallel=True)
def _sort_by_time(order: IntArray, starts: IntArray, times: IntArray) -> None:
    for code in prange(len(starts) - 1):
        start, stop = starts[code], starts[code + 1]
        for i in range(start + 1, stop):
            if times[i] < times[i - 1]:
                place = np.argsort(times[start:stop], kind="mergesort")
                times[start:stop] = times[start:stop][place]
                order[start:stop] = order[start:stop][place]
                break


@njit(cache=True)
def _slot(key: np.int64, keys: IntArray, codes: IntArray) -> np.int64:
    """Return where a key stands in the table, or the free slot where it belongs."""
    mixed = np.uint64(key)
    # The finaliser of SplitMix64: neighbouring ids must not fall into neighbouring slots.
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    mask = len(keys) - 1
    slot = np.int64(mixed & np.uint64(mask))
    while codes[slot] >= 0 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True)
def _grow(keys: IntArray, codes: IntArray) -> tuple[IntArray, IntArray]:
    more_keys = np.zeros(len(keys) * 4, np.int64)
    more_codes = np.full(len(keys) * 4, -1, np.int64)
    for i in range(len(keys)):
        if codes[i] >= 0:
            slot = _slot(keys[i], more_keys, more_codes)
            more_keys[slot] = keys[i]
            more_codes[slot] = codes[i]
    return more_keys, more_codes


@njit(cache=True)
def _encode(entity: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Number entities by first appearance, through a table that grows with them."""
    keys = np.zeros(1024, np.int64)
    codes = np.full(1024, -1, np.int64)
    encoded = np.empty(len(entity), np.int64)
    n_codes = 0
    for i in range(len(entity)):
        slot = _slot(entity[i], keys, codes)
        if codes[slot] < 0:
            keys[slot] = entity[i]
            codes[slot] = n_codes
            n_codes += 1
        encoded[i] = codes[slot]
        if n_codes * 2 > len(keys):
            keys, codes = _grow(keys, codes)
    return encoded, keys, codes


@njit(cache=True, parallel=True)
def _look_up(entity: IntArray, keys: IntArray, codes: IntArray) -> IntArray:
    found = np.empty(len(entity), np.int64)
    for i in prange(len(entity)):
        found[i] = codes[_slot(entity[i], keys, codes)]
    return found
