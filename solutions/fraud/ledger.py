"""The payments of a batch as plain arrays, and how each payment stands to its card's habit.

Two rules keep the future out, and everything after this file relies on them:

- *Earlier* means strictly earlier in time. Payments of the same instant never see each other,
  so the order of rows in a file cannot change an answer.
- A label is *known* at time t only for payments at or before t - delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kernels.rolling_windows import rolling_windows
from kernels.temporal_neighbors import temporal_neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_core.typing import BoolArray, Float32Array, FloatArray, Frame, IntArray

HABIT = 32  # earlier payments of a card that make its habit
BLOCK = 200_000  # rows whose neighbours are held in memory at once


@dataclass(frozen=True, slots=True)
class Lane:
    """The payments ordered by one kind of entity, then by time, so that kernels need no sort."""

    entity: IntArray
    order: IntArray
    sorted_entity: IntArray
    sorted_time: IntArray
    first: IntArray  # for each sorted row, the place of its entity's first row

    @classmethod
    def of(cls, entity: IntArray, time: IntArray) -> Lane:
        """Order payments by entity and time."""
        order = np.lexsort((time, entity))
        ordered = entity[order]
        new = np.diff(ordered, prepend=ordered[:1] - 1) != 0
        first = np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
        return cls(entity, order, ordered, time[order], first)

    def windows(
        self, values: FloatArray, windows: tuple[int, ...], *, delay: int
    ) -> tuple[Float32Array, Float32Array]:
        """Count rows and sum `values` over windows (t - delay - w, t - delay] of the entity.

        Shapes: values (n,) -> two arrays (n, len(windows)).
        """
        out = rolling_windows(
            self.sorted_entity,
            self.sorted_time,
            np.ascontiguousarray(values[self.order], dtype=np.float64),
            windows,
            delay=delay,
            statistics=("count", "sum"),
        )
        count = np.empty(out.shape[:2], dtype=np.float32)
        total = np.empty(out.shape[:2], dtype=np.float32)
        count[self.order], total[self.order] = out[:, :, 0], out[:, :, 1]
        return count, total

    def last(self, where: BoolArray) -> IntArray:
        """Find, for each sorted row, the place of the last row of its entity where it holds.

        Shapes: where (n,) in the order of the lane -> (n,), -1 for none; the row itself counts.
        """
        place = np.maximum.accumulate(np.where(where, np.arange(len(where)), -1))
        return np.where(place >= self.first, place, -1)

    def blocks(self) -> Iterator[slice]:
        """Cut the sorted rows into slices of about `BLOCK` rows, never inside an entity."""
        edges = np.append(np.unique(self.first), len(self.order))
        begin = 0
        while begin < len(self.order):
            aim = np.searchsorted(edges, begin + BLOCK, side="right") - 1
            end = int(edges[aim]) if edges[aim] > begin else int(edges[aim + 1])
            yield slice(begin, end)
            begin = end

    def neighbours(self, block: slice, k: int, *, delay: int = 0) -> IntArray:
        """Find the last k payments of the entity for the sorted rows of a block.

        Shapes: -> (rows of the block, k), row numbers of the ledger, newest first, -1 for none.
        """
        near = temporal_neighbors(
            self.sorted_entity[block], self.sorted_time[block], k, delay=delay
        )
        inside = self.order[block]
        return np.where(near >= 0, inside[near], -1)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Columns of n payments. `fraud` is 0 where the label is not `known`."""

    time: IntArray  # microseconds
    amount: FloatArray
    fraud: FloatArray
    known: BoolArray
    by_card: Lane
    by_terminal: Lane
    by_pair: Lane

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def of(cls, frame: Frame) -> Ledger:
        """Read the columns of the schema; a missing label column means that nothing is known."""
        time = frame["time"].dt.timestamp("us").to_numpy()
        card, terminal = _codes(frame["card_id"]), _codes(frame["terminal_id"])
        pair = card * (int(terminal.max(initial=0)) + 1) + terminal
        if "is_fraud" in frame.columns:
            label = frame["is_fraud"].cast(pl.Float64).to_numpy()
        else:
            label = np.full(frame.height, np.nan)
        return cls(
            time=time,
            amount=frame["amount"].cast(pl.Float64).to_numpy(),
            fraud=np.nan_to_num(label),
            known=~np.isnan(label),
            by_card=Lane.of(card, time),
            by_terminal=Lane.of(terminal, time),
            by_pair=Lane.of(pair, time),
        )


def _codes(column: pl.Series) -> IntArray:
    """Number the distinct values of a column; equal values get equal numbers."""
    codes = column.cast(pl.String).cast(pl.Categorical).to_physical()
    return codes.cast(pl.Int64).to_numpy()


@dataclass(frozen=True, slots=True)
class Habit:
    """How each payment stands to the last payments of its card, labels left aside.

    The *median* is used, since a mean is dragged along by the very frauds that it should expose.
    """

    median: Float32Array  # of the card's earlier amounts; the amount itself for a first payment
    ratio: Float32Array  # log(amount / median)
    distance: Float32Array  # (amount - median) / median absolute deviation, squashed

    @property
    def excess(self) -> FloatArray:
        """How far above the habit, as a log ratio; 0 below it."""
        return np.clip(self.ratio, 0.0, 3.0).astype(np.float64)

    @property
    def large(self) -> FloatArray:
        """1 where a payment is far above the habit by ratio and by deviation, else 0."""
        return ((self.ratio > 0.7) & (self.distance > 1.2)).astype(np.float64)

    @classmethod
    def of(cls, ledger: Ledger) -> Habit:
        """Compare each payment with the last `HABIT` earlier ones of its card."""
        lane = ledger.by_card
        median = np.empty(len(ledger), dtype=np.float32)
        deviation = np.empty(len(ledger), dtype=np.float32)
        for block in lane.blocks():
            rows = lane.order[block]
            near = lane.neighbours(block, HABIT)
            amounts = ledger.amount[near].astype(np.float32)
            amounts[near < 0] = np.inf  # infinities sort behind all amounts
            n_near = np.sum(near >= 0, axis=1)
            median[rows] = np.where(n_near > 0, _middle(amounts, n_near), ledger.amount[rows])
            apart = np.abs(amounts - median[rows, None])
            deviation[rows] = np.where(n_near > 1, _middle(apart, n_near), median[rows])
        amount = ledger.amount.astype(np.float32)
        ratio = np.log((amount + 1.0) / (median + 1.0))
        apart_by = (amount - median) / (1.5 * deviation + 0.05 * median + 0.5)
        return cls(median, ratio, np.arcsinh(apart_by / 2.0))


def _middle(values: Float32Array, n: IntArray) -> Float32Array:
    """Take the median of the n smallest values of each row.

    Shapes: values (m, k), n (m,) -> (m,).
    """
    ordered = np.sort(values, axis=1)
    row = np.arange(len(values))
    low = ordered[row, np.maximum(n - 1, 0) // 2]
    high = ordered[row, np.maximum(n, 1) // 2]
    return np.where(n > 0, (low + high) / 2, 0.0)
