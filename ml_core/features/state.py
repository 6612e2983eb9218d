"""What the online store keeps of one entity: the raw rows of its windows, in a few bytes.

Rows, not running sums: a sum from which old values are subtracted drifts away from the one that a
training saw, and cannot take a late, doubled or corrected event. Layout: a header, then times,
digests of keys and values as little-endian arrays. No object is ever unpickled.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ml_core.errors import IntegrityError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml_core.typing import FloatArray, IntArray

_HEADER = struct.Struct("<4sHHqI")
_MAGIC = b"AFS1"
NEVER = np.iinfo(np.int64).min
NO_KEY = 0


@dataclass(frozen=True)
class State:
    """Rows of one entity by time; all rows later than `floor` are here."""

    floor: int
    times: IntArray  # (n,) microseconds, ascending
    keys: NDArray[np.uint64]  # (n,) digests of event keys, NO_KEY for none
    values: FloatArray  # (n, columns)

    @classmethod
    def empty(cls, n_columns: int) -> State:
        """Return the state of an entity that nothing is known of."""
        nothing = np.empty((0, n_columns), np.float64)
        return cls(NEVER, np.empty(0, np.int64), np.empty(0, np.uint64), nothing)

    @classmethod
    def decode(cls, data: bytes, n_columns: int) -> State:
        """Read a state. Raises: IntegrityError: if the bytes are not one of this many columns."""
        size = _HEADER.size
        if len(data) >= size:
            magic, columns, _, floor, n = _HEADER.unpack_from(data)
            whole = len(data) == size + 8 * n * (2 + n_columns)
            if magic == _MAGIC and columns == n_columns and whole:
                times = np.frombuffer(data, "<i8", n, size)
                keys = np.frombuffer(data, "<u8", n, size + 8 * n)
                values = np.frombuffer(data, "<f8", n * n_columns, size + 16 * n)
                return cls(floor, times, keys, values.reshape(n, n_columns))
        message = (
            "A state in the online store must be as it was written. Got other bytes. "
            "Materialise the view again."
        )
        raise IntegrityError(message)

    def encode(self) -> bytes:
        """Write the state."""
        n, n_columns = self.values.shape
        header = _HEADER.pack(_MAGIC, n_columns, 0, self.floor, n)
        return b"".join(
            (
                header,
                self.times.astype("<i8").tobytes(),
                self.keys.astype("<u8").tobytes(),
                self.values.astype("<f8").tobytes(),
            )
        )

    @cached_property
    def rows(self) -> tuple[list[int], list[list[float]]]:
        """Times, and values column by column, as plain numbers."""
        return self.times.tolist(), [column.tolist() for column in self.values.T]

    def with_floor(self, floor: int) -> State:
        """Say that rows at or before a moment may be missing, too."""
        return replace(self, floor=max(self.floor, floor))

    def with_rows(self, more: State, reach: int, most: int) -> tuple[State, Change]:
        """Take in rows: known keys are replaced, what nobody needs any more is forgotten.

        What is at or before the newest moment less `reach` goes, and of more than `most` rows the
        oldest. `floor` tells from where on nothing is missing.
        """
        corrected = np.isin(self.keys, more.keys[more.keys != NO_KEY])
        times = np.concatenate((self.times[~corrected], more.times))
        keys = np.concatenate((self.keys[~corrected], more.keys))
        values = np.concatenate((self.values[~corrected], more.values))
        order = np.argsort(times, kind="stable")
        times, keys, values = times[order], keys[order], values[order]
        cut = int(np.searchsorted(times, times[-1] - reach, side="right")) if len(times) else 0
        first = max(cut, len(times) - most)
        floor = max(self.floor, int(times[first - 1])) if first else self.floor
        kept = State(floor, times[first:], keys[first:], values[first:])
        n_late = int((more.times <= floor).sum())
        return kept, Change(len(more.times), int(corrected.sum()), n_late)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of rows that were put: all, those that replaced one, those too late to count."""

    n_rows: int = 0
    n_replaced: int = 0
    n_too_late: int = 0

    def __add__(self, other: Change) -> Change:
        return Change(
            self.n_rows + other.n_rows,
            self.n_replaced + other.n_replaced,
            self.n_too_late + other.n_too_late,
        )
