"""Dynamic batching: requests that come one by one are answered together, within a budget of time.

`waiting.py` decides which requests go together, `latency.py` knows how long they take, `turns.py`
shares a device between models; here they meet a thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from ml_core.errors import BusyError, ModelError
from ml_core.runtime.turns import Turns
from ml_core.runtime.waiting import I, Limits, O, Request, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    Run = Callable[[Sequence[I]], Sequence[O | Exception]]

REMEMBERED = 1024  # answers whose latency is told


class ClosedError(BusyError):
    """A batcher that takes nothing any more; another one may have taken its place."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a batcher has done, and how it stands; times from arrival to answer."""

    n_waiting: int
    n_answered: int
    n_refused: int
    n_batches: int
    best_size: int
    p50_ms: float
    p99_ms: float


class Batcher(Generic[I, O]):
    """Answers requests in batches by `run`, in a thread of its own.

    `run` is given items of one group and returns an answer, or an error, for each, in order.
    Where it raises for several, each is tried alone, so that an error stays with its own item.
    """

    def __init__(
        self,
        run: Run[I, O],
        limits: Limits | None = None,
        *,
        turns: Turns | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or Limits()
        self._run = run
        self._turns = turns or Turns()
        self._clock = clock
        self._waiting: Waiting[I, O] = Waiting(self.limits)
        self._changed = threading.Condition()
        self._is_closed = False
        self._n_answered = self._n_refused = self._n_batches = 0
        self._took_s: deque[float] = deque(maxlen=REMEMBERED)
        self._thread = threading.Thread(target=self._serve, daemon=True, name="batcher")
        self._thread.start()

    def submit(
        self,
        item: I,
        *,
        group: Hashable = None,
        priority: int = 0,
        timeout_s: float | None = None,
    ) -> Future[O]:
        """Let an item wait for its answer; cancelling the future takes it out of the queue.

        Raises: BusyError: if too many wait, or it could not be answered in time. ClosedError:
            after `close`.
        """
        now = self._clock()
        patience = self.limits.timeout_s if timeout_s is None else timeout_s
        request: Request[I, O] = Request(item, now, now + patience, group, priority)
        with self._changed:
            if self._is_closed:
                raise _closed()
            try:
                self._waiting.put(request, now)
            except BusyError:
                self._n_refused += 1
                raise
            self._changed.notify()
        return request.future

    def ask(
        self,
        item: I,
        *,
        group: Hashable = None,
        priority: int = 0,
        timeout_s: float | None = None,
    ) -> O:
        """Submit an item and wait for its answer. Raises: as `submit`, and the item's own error."""
        future = self.submit(item, group=group, priority=priority, timeout_s=timeout_s)
        patience = self.limits.timeout_s if timeout_s is None else timeout_s
        try:
            return future.result(patience)
        except FutureTimeoutError:
            future.cancel()
            raise _late() from None

    def swap(self, run: Run[I, O]) -> None:
        """Use another model from the next batch on; the one that runs ends with the old one."""
        with self._changed:
            self._run = run
            self._waiting.fade()

    def close(self, *, drain: bool = True, timeout_s: float | None = None) -> None:
        """Take no more requests; those that wait are answered, or refused without `drain`."""
        with self._changed:
            self._is_closed = True
            left = [] if drain else self._waiting.clear()
            self._changed.notify_all()
        for request in left:
            self._refuse(request, _closed())
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._run = _gone  # whose model may hold this batcher: two that hold each other stay

    def figures(self) -> Figures:
        """Return how it stands."""
        with self._changed:
            ordered = sorted(self._took_s)
            p50, p99 = (
                1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
                for share in (0.5, 0.99)
            )
            return Figures(
                len(self._waiting), self._n_answered, self._n_refused, self._n_batches,
                self._waiting.best_size, round(p50, 3), round(p99, 3),
            )  # fmt: skip

    def _serve(self) -> None:
        while (due := self._next_due()) is not None:
            with self._turns.turn(due):
                # Cut as late as can be: whoever came while others had their turn goes along.
                with self._changed:
                    batch, late = self._waiting.take(self._clock())
                    run = self._run
                for request in late:
                    self._refuse(request, _late())
                if batch:
                    self._answer(run, batch)

    def _next_due(self) -> float | None:
        """Wait until somebody waits, and return when the first is due; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) or self._is_closed)
            first = next(iter(self._waiting), None)
        return None if first is None else first.arrived + self.limits.latency_budget_ms / 1000

    def _answer(self, run: Run[I, O], batch: list[Request[I, O]]) -> None:
        started = self._clock()
        answers = _answers(run, [request.item for request in batch])
        ended = self._clock()
        with self._changed:
            self._n_batches += 1
            self._n_answered += len(batch)
            self._took_s.extend([ended - request.arrived for request in batch])
        for request, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                request.future.set_exception(answer)
            else:
                request.future.set_result(answer)
        # Handing out is part of what a batch costs: the next one must wait for it too.
        if run is self._run:  # nobody else learns, so that nobody need wait for it
            self._waiting.ended(len(batch), self._clock() - started)

    def _refuse(self, request: Request[I, O], why: BusyError) -> None:
        with self._changed:
            self._n_refused += 1
        if request.future.set_running_or_notify_cancel():
            request.future.set_exception(why)


def _answers(run: Run[I, O], items: list[I]) -> Sequence[O | Exception]:
    try:
        answers = run(items)
        if len(answers) != len(items):
            message = (
                f"A model must give one answer for each row. Got {len(answers)} for {len(items)}. "
                "Train again, or use another model."
            )
            raise ModelError(message)
    except Exception as error:  # noqa: BLE001  told to whoever asked
        if len(items) == 1:
            return [error]
        return [answer for item in items for answer in _answers(run, [item])]
    return answers


def _gone(items: Sequence[Any]) -> Sequence[Any]:  # noqa: ARG001  stands where a model was
    raise _closed()


def _late() -> BusyError:
    return BusyError(
        "An answer must come before it is due. It could not. Try again in a moment.",
        retry_after_s=1.0,
    )


def _closed() -> ClosedError:
    message = "A model must be held to be asked. It was put away just now. Try again."
    return ClosedError(message, retry_after_s=1.0)
