"""What a device was seen to need for batches of each size."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_core.typing import FloatArray, IntArray

# Batches that are remembered, of all sizes together: what was seen of one size in a quiet hour must
# not be held against what is seen of another in a busy one.
WINDOW = 256
SETTLED = 32  # from so many batches on the curves are drawn anew at each 32nd only
FADED = 16  # batches that are kept when the model is another one
FAITH = 8.0  # batches' worth of trust in the line that is drawn through all sizes
UNSEEN_SHARE = 0.5  # of a batch's time grows with its rows, until a second size was seen
# Quantiles: what the device itself needs, whatever else ran; what it takes; what it may take.
QUICK, HIGH = 0.05, 0.95


class Latencies:
    """Seconds by size of batch, learnt as batches end.

    A device that others use too errs by as much as it measures. So what was measured is smoothed
    so that more rows never take less time, and drawn towards a line through all sizes, the more
    the fewer batches of a size were seen. Nothing is known before the first batch: `typical` and
    `high` are then 0, so that nobody is refused for a guess.
    Source: pool-adjacent-violators, Ayer et al., Ann. Math. Statist. 26 (1955) 641.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.largest = self.smallest = 0  # of all time, and of late
        # By rows, from none. Lists: each request looks a few of them up, which arrays do slowly.
        self.quick, self.typical, self.high = ([0.0] * (most + 1) for _ in range(3))
        self._seen: deque[tuple[int, float]] = deque(maxlen=WINDOW)
        self._n = 0

    def fade(self) -> None:
        """Trust what is known less, as for another version of the model, which may be as fast."""
        self._seen = deque(list(self._seen)[-FADED:], maxlen=WINDOW)
        self._n = 0

    def learn_anew(self, size: int, seconds: float) -> bool:
        """Take in what one batch took, and forget what it contradicts; curves always change.

        Fewer rows do not take longer, and what this size took long ago says nothing of today.
        """
        kept = (one for one in self._seen if one[0] != size and (one[0] > size or one[1] < seconds))
        self._seen = deque(kept, maxlen=WINDOW)
        if not self.learn(size, seconds):
            self._draw()
        return True

    def learn(self, size: int, seconds: float) -> bool:
        """Take in that a batch of `size` rows took so long, and tell whether curves changed."""
        is_new = size > self.largest
        self._seen.append((size, seconds))
        self.largest = max(self.largest, size)
        self._n += 1
        is_due = is_new or self._n <= SETTLED or self._n % SETTLED == 0
        if is_due:
            self._draw()
        return is_due

    def _draw(self) -> None:
        by_size: dict[int, list[float]] = {}
        for size, took in sorted(self._seen):
            by_size.setdefault(size, []).append(took)
        sizes = np.array(list(by_size))
        self.smallest = int(sizes[0])
        counts = np.array([len(took) for took in by_size.values()], dtype=float)
        for name, quantile in (("quick", QUICK), ("typical", 0.5), ("high", HIGH)):
            seconds = np.array([_quantile(took, quantile) for took in by_size.values()])
            setattr(self, name, self._curve(sizes, seconds, counts).tolist())
        self.high = list(map(max, self.high, self.typical))

    def _curve(self, sizes: IntArray, seconds: FloatArray, counts: FloatArray) -> FloatArray:
        """Return seconds for 0 to `most` rows. Shapes: (k,), (k,), (k,) -> (most + 1,).

        The more often a size was seen, the more its own figure counts beside the line's.
        """
        fixed, each = line(sizes, seconds, counts)
        curve = fixed + each * np.arange(self.most + 1)
        smooth = np.array(rising(seconds.tolist(), counts.tolist()))
        curve[sizes] += (smooth - curve[sizes]) * counts / (counts + FAITH)
        raised: FloatArray = np.maximum.accumulate(curve)
        return raised


def line(sizes: IntArray, seconds: FloatArray, counts: FloatArray) -> tuple[float, float]:
    """Return the seconds of a batch and of each row that come nearest, neither below zero.

    Least squares of relative errors: a slow device errs by more. Shapes: (k,), (k,), (k,).
    """
    if len(sizes) == 1:
        each = UNSEEN_SHARE * seconds[0] / sizes[0]
        return float(seconds[0] - each * sizes[0]), float(each)
    weights = counts / np.maximum(seconds, 1e-9) ** 2
    n, t = np.average(sizes, weights=weights), np.average(seconds, weights=weights)
    spread = np.average((sizes - n) ** 2, weights=weights)
    each = max(0.0, float(np.average((sizes - n) * (seconds - t), weights=weights) / spread))
    fixed = float(t - each * n)
    return (fixed, each) if fixed >= 0 else (0.0, float(t / n))


def rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the nearest values, by weighted squares, of which none is below the one before."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, other, n = pools.pop()
            total = other + pool[1]
            pool = ((mean * other + pool[0] * pool[1]) / total, total, n + pool[2])
        pools.append(pool)
    return [mean for mean, _, n in pools for _ in range(n)]


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
