"""Requests that wait for a model, and which of them go together next.

Nothing here knows threads or reads a clock: each call is told what time it is, so that a whole
day of load can be played through in a moment. `batching.py` gives it a thread.
"""

from __future__ import annotations

import math
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from ml_core.errors import BusyError, ConfigError
from ml_core.runtime.latency import Latencies

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

I = TypeVar("I")  # noqa: E741  what goes in
O = TypeVar("O")  # noqa: E741  what comes out

LONGEST_BATCH = 4096
NEARLY = 0.95  # of the best rate: sizes that cannot be told apart, as times vary
TRY_EVERY = 64  # batches, before a larger size than seems good is tried; doubles when it is not


@dataclass(frozen=True, slots=True)
class Limits:
    """What a batcher may do.

    `latency_budget_ms` is what 99 of 100 requests should take from arrival to answer.
    `max_waiting` bounds the queue, and `timeout_s` how long one waits that says nothing else.
    """

    max_batch_size: int = 32
    latency_budget_ms: float = 100.0
    max_waiting: int = 256
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("max_batch_size", 1, LONGEST_BATCH), ("latency_budget_ms", 0.1, 600_000),
            ("max_waiting", 1, 1_000_000), ("timeout_s", 0.001, 86_400),
        ):  # fmt: skip
            value = getattr(self, name)
            if not least <= value <= most:
                message = f"{name} must be from {least:,} to {most:,}. Got {value}. Change it."
                raise ConfigError(message)


@dataclass(slots=True, eq=False)
class Request(Generic[I, O]):
    """One row that waits; only rows of one group share a batch. Higher priorities go first."""

    item: I
    arrived: float
    deadline: float
    group: Hashable = None
    priority: int = 0
    future: Future[O] = field(default_factory=Future)


class Waiting(Generic[I, O]):
    """A bounded queue that knows how long batches take, and cuts the next one by that.

    A batch is sent as soon as the device is free, as large as the queue and the budget let it be:
    while it runs the next one gathers by itself, so waiting for more would only add delay. What
    must be chosen is where to stop: at the size that answers most requests a second among those
    that fit in the budget.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.latencies = Latencies(limits.max_batch_size)
        self._queues: dict[int, deque[Request[I, O]]] = {}
        self._busy_until = 0.0
        self.best_size = self._last_size = 1
        self._since_try, self._try_every = 0, TRY_EVERY

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[Request[I, O]]:
        """Go through them in the order in which they will be sent."""
        for priority in sorted(self._queues, reverse=True):
            yield from self._queues[priority]

    def put(self, request: Request[I, O], now: float) -> None:
        """Let a request wait.

        Raises: BusyError: if the queue is full, or the answer could not come before its deadline.
        """
        n_before = len(self)
        if n_before >= self.limits.max_waiting:
            raise self._busy(f"Got {n_before:,} that wait.", now)
        if len(self._queues) > 1 or request.priority not in self._queues:
            n_before = sum(len(q) for p, q in self._queues.items() if p >= request.priority)
        # A device that nobody uses is tried, however slow it was: else it could never show better.
        is_free = not n_before and self._busy_until <= now
        if not is_free and now + self.wait_s(n_before, now) > request.deadline:
            raise self._busy("Got more work than can be done before this is due.", now)
        self._queues.setdefault(request.priority, deque()).append(request)

    def wait_s(self, n_before: int, now: float) -> float:
        """Return how long a request would take from now, with so many before it."""
        size = self.best_size
        # Others will come and go along with it: as many as of late, if not more.
        last = min(size, max(n_before % size + 1, self._last_size))
        before = n_before // size * self.latencies.typical[size]
        return max(0.0, self._busy_until - now) + before + self.latencies.high[last]

    def _best_size(self) -> int:
        """Return the size that answers most requests a second within the budget.

        Of sizes that are about as good it is the one half-way between the smallest and the largest,
        by ratio: to be wrong about either end costs least there. Sizes from the smallest one that
        was seen of late to twice the largest are thought of. Where not even one row fits, the
        budget is what one row takes: the sizes that cost no more.
        """
        known = self.latencies
        most = min(self.limits.max_batch_size, max(1, 2 * known.largest))
        quick, typical = (np.array(one[1 : most + 1]) for one in (known.quick, known.typical))
        if not known.largest or quick[0] <= 0:
            return most
        budget = max(self.limits.latency_budget_ms / 1000, float(typical[0]))
        rate = np.where(typical <= budget, np.arange(1, most + 1) / quick, 0.0)
        # Large batches come after the device was held up, and look slower for it than they are.
        good = np.flatnonzero(rate >= NEARLY * rate.max()) + 1
        least = max(good[0], min(known.smallest, good[-1]))
        return round(math.sqrt(least * good[-1]))

    def take(self, now: float) -> tuple[list[Request[I, O]], list[Request[I, O]]]:
        """Return the next batch, and those before it that can no longer be in time.

        A batch is the first in the queue and whoever of its group comes next; their futures run.
        Requests that were cancelled are dropped. An empty batch means that nobody waits.
        """
        size = self._next_size()
        batch: list[Request[I, O]] = []
        late: list[Request[I, O]] = []
        for priority in sorted(self._queues, reverse=True):
            self._cut(self._queues[priority], size, now, (batch, late))
            if not self._queues[priority]:
                del self._queues[priority]
        self._busy_until = now + self.latencies.typical[len(batch)]
        self._last_size = len(batch)
        return batch, late

    def _cut(
        self,
        queue: deque[Request[I, O]],
        size: int,
        now: float,
        into: tuple[list[Request[I, O]], list[Request[I, O]]],
    ) -> None:
        """Move those of a queue that go next into the batch; the others keep their places."""
        batch, late = into
        typical = self.latencies.typical
        due = min((request.deadline for request in batch), default=math.inf)
        passed = []
        # Not so many that somebody would be late who still can be in time.
        while queue and len(batch) < size and now + typical[len(batch) + 1] <= due:
            request = queue.popleft()
            if now > request.deadline or (batch and now + typical[1] > request.deadline):
                late.append(request)
            elif batch and request.group != batch[0].group:
                passed.append(request)
            elif request.future.set_running_or_notify_cancel():
                batch.append(request)
                due = min(due, request.deadline)
        queue.extendleft(reversed(passed))

    def ended(self, size: int, seconds: float) -> None:
        """Learn from a batch that has ended."""
        before = self.best_size
        learn = self.latencies.learn_anew if size > before else self.latencies.learn
        if learn(size, seconds):
            self.best_size = self._best_size()
        self._busy_until = 0.0
        if size > before:  # it was tried; it goes on being tried ever less while it is not good
            is_good = self.best_size >= size
            self._try_every = TRY_EVERY if is_good else min(64 * TRY_EVERY, 2 * self._try_every)

    def fade(self) -> None:
        """Trust less what is known, as after a change of the model."""
        self.latencies.fade()
        self._since_try, self._try_every = 0, TRY_EVERY

    def clear(self) -> list[Request[I, O]]:
        """Let nobody wait any more, and return who did."""
        left = list(self)
        self._queues = {}
        return left

    def _next_size(self) -> int:
        self._since_try += 1
        if len(self) > self.best_size and self._since_try >= self._try_every:
            # What was slow once may be fast now, and what was never seen may be cheap.
            self._since_try = 0
            return min(2 * self.best_size, self.limits.max_batch_size)
        return self.best_size

    def _busy(self, got: str, now: float) -> BusyError:
        wait = self.wait_s(len(self), now)
        message = (
            "A model must have room for a question. "
            f"{got} Try again in {max(1, math.ceil(wait))} s."
        )
        return BusyError(message, retry_after_s=wait)
