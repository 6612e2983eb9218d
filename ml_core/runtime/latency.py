"""What a device was seen to need for batches of each size."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_core.typing import FloatArray

WINDOW = 32  # batches of a size that are remembered: old ones say nothing of a device of now
SETTLED = 16  # from here on the curve is drawn anew at each eighth batch only
UNSEEN_SHARE = 0.5  # of a batch's time grows with its rows, until a second size was seen
HIGH = 0.95  # quantile that `high` tells


class Latencies:
    """Seconds by size of batch, learnt as batches end.

    What was measured is smoothed so that more rows never take less time; between sizes that were
    seen a line is drawn, and beyond the largest one it goes on. Nothing is known before the first
    batch: `typical` and `high` are then 0, so that nobody is refused for a guess.
    Source: pool-adjacent-violators, Ayer et al., Ann. Math. Statist. 26 (1955) 641.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.forget()

    def forget(self) -> None:
        """Begin anew, as for another model or device."""
        self.largest = 0
        self.typical: FloatArray = np.zeros(self.most + 1)
        self.high: FloatArray = np.zeros(self.most + 1)
        self._seen: dict[int, deque[float]] = {}
        self._n = 0

    def learn_anew(self, size: int, seconds: float) -> None:
        """Take in what one batch took, and forget what it contradicts.

        Fewer rows do not take longer, and what this size took long ago says nothing of today.
        """
        slower = [n for n, took in self._seen.items() if n < size and min(took) > seconds]
        for one in (size, *slower):
            self._seen.pop(one, None)
        self.learn(size, seconds)

    def learn(self, size: int, seconds: float) -> None:
        """Take in that a batch of `size` rows took so long."""
        is_new = size not in self._seen
        self._seen.setdefault(size, deque(maxlen=WINDOW)).append(seconds)
        self.largest = max(self.largest, size)
        self._n += 1
        if is_new or self._n <= SETTLED or self._n % 8 == 0:
            self._draw()

    def _draw(self) -> None:
        sizes = sorted(self._seen)
        weights = [len(self._seen[size]) for size in sizes]
        for name, quantile in (("typical", 0.5), ("high", HIGH)):
            heights = [_quantile(self._seen[size], quantile) for size in sizes]
            setattr(self, name, self._curve(sizes, rising(heights, weights)))
        self.high = np.maximum(self.high, self.typical)

    def _curve(self, sizes: Sequence[int], seconds: Sequence[float]) -> FloatArray:
        """Return seconds for 0 to `most` rows. Shapes: (k,), (k,) -> (most + 1,)."""
        places = np.arange(self.most + 1)
        curve = np.interp(places, sizes, seconds)
        last, height = sizes[-1], seconds[-1]
        slope = UNSEEN_SHARE * height / last
        if len(sizes) > 1:
            slope = (height - seconds[0]) / (last - sizes[0])
        beyond = places > last
        curve[beyond] = height + slope * (places[beyond] - last)
        return curve


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


def _quantile(values: Sequence[float] | deque[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
