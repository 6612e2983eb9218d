"""Open-loop load: requests come at random times, whether or not earlier ones were answered."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_core.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Submit = Callable[[Any], Future[Any]]

LEAST = 100  # requests of a window, or its 99th percentile is that of one of them
GROWTH = 1.2  # from one rate to the next


@dataclass(frozen=True, slots=True)
class Window:
    """What came of the requests of one window; times from when each was due to come."""

    took_ms: np.ndarray
    n_lost: int

    @property
    def p99_ms(self) -> float:
        """The time within which 99 of 100 that were sent had an answer."""
        took = np.concatenate([self.took_ms, np.full(self.n_lost, 1e9)])
        return float(np.quantile(took, 0.99, method="lower"))


@dataclass(frozen=True, slots=True)
class Held:
    """The rate that a system bears, and its 99th percentile at the last one that was tried."""

    rate: float
    p99_ms: float


class FixedBatcher:
    """The usual way: up to `size` rows, sent when they are there or the first has waited so long.

    With `wait_s` 0 whoever waits is sent at once. It is what the sweep for the best size uses.
    """

    def __init__(self, run: Callable[[Sequence[Any]], Any], size: int, wait_s: float) -> None:
        self.run, self.size, self.wait_s = run, size, wait_s
        self.changed, self.queue = threading.Condition(), deque[tuple[Any, float, Future[Any]]]()
        self.is_closed = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def submit(self, item: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self.changed:
            self.queue.append((item, time.monotonic(), future))
            self.changed.notify()
        return future

    def close(self) -> None:
        with self.changed:
            self.is_closed = True
            self.changed.notify()
        self.thread.join()

    def _serve(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.queue or self.is_closed)
                if not self.queue:
                    return
                until = self.queue[0][1] + self.wait_s
                while len(self.queue) < self.size and (left := until - time.monotonic()) > 0:
                    self.changed.wait(left)
                n = min(self.size, len(self.queue))
                batch = [self.queue.popleft() for _ in range(n)]
            for (_, _, future), answer in zip(
                batch, self.run([item for item, _, _ in batch]), strict=True
            ):
                future.set_result(answer)


def window(
    submit: Callable[[Any], Future[Any]], items: Sequence[Any], rate: float, seconds: float,
    seed: int,
) -> Window:  # fmt: skip
    """Send items at Poisson times for so many seconds, and wait for the last answer."""
    rng = np.random.default_rng(seed)
    due = np.cumsum(rng.exponential(1 / rate, max(LEAST, int(rate * seconds))))
    took: list[float] = []
    futures: list[Future[Any]] = []
    n_refused = 0
    began = time.perf_counter()
    for number, moment in enumerate(due):
        at = began + float(moment)
        if (left := at - time.perf_counter()) > 0:
            time.sleep(left)
        try:
            future = submit(items[number % len(items)])
        except BusyError:
            n_refused += 1
            continue
        future.add_done_callback(lambda _, at=at: took.append(time.perf_counter() - at))
        futures.append(future)
    n_lost = sum(future.exception(60) is not None for future in futures)
    return Window(1000 * np.asarray(took), n_lost + n_refused)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is sent, and how long and how often it is tried."""

    items: Sequence[Any]
    budget_ms: float
    seconds: float
    rounds: int
    turn: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()

    def p99(self, systems: Mapping[str, Submit], rate: float) -> dict[str, float]:
        """Return the 99th percentile of each at a rate: the middle one of rounds in turns.

        Who breaks in fewer than three rounds has three: others use this machine too.
        """
        found: dict[str, list[float]] = {name: [] for name in systems}
        for number in range(max(3, self.rounds)):
            for name, submit in systems.items():
                if number >= self.rounds and np.median(found[name]) <= self.budget_ms:
                    continue
                with self.turn(name):
                    one = window(submit, self.items, rate, self.seconds, int(rate) + number)
                found[name].append(one.p99_ms)
        middle = {name: float(np.median(values)) for name, values in found.items()}
        told = ", ".join(f"{name} {value:.1f}" for name, value in middle.items())
        print(f"  {rate:8.0f}/s  p99 in ms: {told}", flush=True)
        return middle


def most(
    systems: Mapping[str, Submit], first: float, trial: Trial, *, lower: bool = True
) -> dict[str, Held]:
    """Return the rate up to which each system answers 99 of 100 within the budget.

    Rates rise, and where one breaks, the rate between is read off the line of its 99th percentile.
    One that breaks at once is tried at lower rates, or left out.
    """
    held: dict[str, tuple[float, float]] = {}
    found: dict[str, Held] = {}
    rate, left = first, dict(systems)
    while left:
        for name, p99_ms in trial.p99(left, rate).items():
            if p99_ms <= trial.budget_ms:
                held[name] = (rate, p99_ms)
                continue
            del left[name]
            if name in held:
                between = _between(held[name], (rate, p99_ms), trial.budget_ms)
                found[name] = Held(between, held[name][1])
        rate *= GROWTH
    left = {name: submit for name, submit in systems.items() if lower and name not in found}
    rate = first
    while left:
        rate /= GROWTH**2
        for name, p99_ms in trial.p99(left, rate).items():
            if p99_ms <= trial.budget_ms:
                found[name] = Held(rate, p99_ms)
                del left[name]
    return found


def _between(held: tuple[float, float], broke: tuple[float, float], budget_ms: float) -> float:
    (low, fine), (high, bad) = held, broke
    share = (np.log(budget_ms) - np.log(fine)) / (np.log(bad) - np.log(fine))
    return float(low + share * (high - low))
