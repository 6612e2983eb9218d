"""Batches under a simulated clock and under real threads: nobody is lost, late or out of turn."""

from __future__ import annotations

import gc
import operator
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.errors import BusyError, ConfigError, ModelError
from ml_core.runtime.batching import Batcher, ClosedError
from ml_core.runtime.latency import Latencies, rising
from ml_core.runtime.waiting import Limits, Request, Waiting

# --- a day of load, played through in a moment -------------------------------------------------


class Played:
    """What came of requests on a device whose batches take `fixed + each * n` seconds."""

    def __init__(self, limits, fixed, each):
        self.waiting, self.fixed, self.each = Waiting(limits), fixed, each
        self.answered, self.refused, self.batches = [], [], []

    def play(self, arrivals):
        """Play requests, ordered by time, through to the last answer."""
        now, todo = 0.0, list(arrivals)
        while todo or len(self.waiting):
            while todo and todo[0].arrived <= now:
                self._put(todo.pop(0))
            batch, late = self.waiting.take(now)
            self.refused += late
            if not batch:
                now = max(now, todo[0].arrived) if todo else now
                continue
            ends = now + self.fixed + self.each * len(batch)
            while todo and todo[0].arrived <= ends:
                self._put(todo.pop(0))
            self.waiting.ended(len(batch), ends - now)
            self.batches.append(batch)
            self.answered += [(request, ends) for request in batch]
            now = ends
        return self

    def _put(self, request):
        try:
            self.waiting.put(request, request.arrived)
        except BusyError:
            self.refused.append(request)

    def p99_ms(self, skip=0):
        took = [1000 * (end - request.arrived) for request, end in self.answered[skip:]]
        return float(np.quantile(took, 0.99))


def poisson(rate, n, seed=0, patience=1e9):
    times = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, n))
    return [Request(i, float(t), float(t) + patience) for i, t in enumerate(times)]


requests = st.lists(
    st.tuples(
        st.floats(0, 0.05), st.integers(0, 2), st.sampled_from("ab"), st.floats(0.001, 0.5),
        st.booleans(),
    ),
    min_size=1, max_size=60,
)  # fmt: skip


def made(drawn):
    found, now = [], 0.0
    for gap, priority, group, patience, is_cancelled in drawn:
        now += gap
        one = Request(len(found), now, now + patience, group, priority)
        if is_cancelled:
            one.future.cancel()
        found.append(one)
    return found


@settings(deadline=None, max_examples=60)
@given(requests, st.integers(1, 8), st.integers(1, 20), st.floats(0.0, 0.02), st.floats(0.0, 0.02))
def test_each_request_is_answered_once_or_refused_once(drawn, most, room, fixed, each):
    asked = made(drawn)
    played = Played(Limits(most, 50, room), fixed, each).play(asked)

    answered = [request.item for request, _ in played.answered]
    refused = [request.item for request in played.refused]
    cancelled = {request.item for request in asked if request.future.cancelled()}
    assert len(answered) == len(set(answered))
    assert len(refused) == len(set(refused))
    assert not set(answered) & (set(refused) | cancelled)
    assert set(answered) | set(refused) | cancelled == {request.item for request in asked}


@settings(deadline=None, max_examples=60)
@given(requests, st.integers(1, 8), st.floats(0.0, 0.02), st.floats(0.0, 0.02))
def test_order_size_and_groups_are_kept(drawn, most, fixed, each):
    played = Played(Limits(most, 50), fixed, each).play(made(drawn))

    for batch in played.batches:
        assert len(batch) <= most
        assert len({request.group for request in batch}) == 1
    for group in "ab":
        for priority in range(3):
            sent = [
                request.item for request, _ in played.answered
                if (request.group, request.priority) == (group, priority)
            ]  # fmt: skip
            assert sent == sorted(sent)


def test_a_higher_priority_goes_first():
    waiting = Waiting(Limits(max_batch_size=2))
    waiting.ended(1, 0.001)
    for number, priority in enumerate([0, 0, 1, 2]):
        waiting.put(Request(number, 0.0, 9.0, priority=priority), 0.0)

    first, _ = waiting.take(0.0)
    second, _ = waiting.take(0.0)

    assert [[r.item for r in batch] for batch in (first, second)] == [[3, 2], [0, 1]]


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_the_budget_is_kept_while_there_is_room(share):
    # 4 ms and 0.5 ms a row: 13 rows end in half of a budget of 21 ms, at 1,238 rows a second.
    limits = Limits(32, 21.0, max_waiting=10_000)
    played = Played(limits, 0.004, 0.0005).play(poisson(share * 1238, 3000))

    assert not played.refused
    assert played.p99_ms(skip=500) <= 21.0


def test_batches_grow_with_load_and_answer_far_more_than_one_by_one():
    limits = Limits(32, 50.0, max_waiting=10_000)
    quiet = Played(limits, 0.004, 0.0005).play(poisson(50, 400))
    busy = Played(limits, 0.004, 0.0005).play(poisson(1000, 4000))  # 4.5 times of one by one

    assert np.median([len(batch) for batch in quiet.batches]) == 1
    assert np.median([len(batch) for batch in busy.batches]) > 4
    assert busy.p99_ms(skip=500) <= 50.0


def test_sizes_that_would_break_the_budget_are_not_sent():
    # One row takes 2 ms more than the one before: 20 rows are the most within 40 ms.
    played = Played(Limits(32, 40.0, 10_000), 0.0, 0.002).play(poisson(5000, 1000))

    sizes = [len(batch) for batch in played.batches[20:]]
    assert np.quantile(sizes, 0.95) <= 20


def test_nobody_waits_for_what_cannot_be_in_time():
    # Twice as much comes as can be done, and each must be answered within 60 ms.
    limits = Limits(8, 30.0, max_waiting=10_000)
    played = Played(limits, 0.002, 0.001).play(poisson(1600, 4000, patience=0.06))

    assert not [1 for request, end in played.answered if end > request.deadline + 1e-9]
    assert len(played.answered) > 0.98 * 2000  # as many as can be done


def test_one_slow_batch_does_not_shut_the_door_for_ever():
    waiting = Waiting(Limits(timeout_s=1.0))
    waiting.ended(1, 2.0)

    for number in range(20):
        waiting.put(Request(number, float(number), number + 1.0), float(number))
        batch, late = waiting.take(float(number))
        assert (len(batch), late) == (1, [])
        waiting.ended(1, 0.01)

    assert waiting.wait_s(0, 20.0) < 0.1


def test_a_full_queue_says_when_to_come_again():
    waiting = Waiting(Limits(max_batch_size=1, max_waiting=3))
    waiting.ended(1, 2.0)
    for number in range(3):
        waiting.put(Request(number, 0.0, 99.0), 0.0)

    with pytest.raises(BusyError, match="Try again in 8 s") as raised:
        waiting.put(Request(3, 0.0, 99.0), 0.0)

    assert raised.value.retry_after_s == pytest.approx(8.0)


def test_a_device_that_became_fast_is_found_out():
    waiting = Waiting(Limits(16, 20.0, 10_000))
    for _ in range(40):
        waiting.ended(1, 0.001)
        waiting.ended(16, 0.5)
    before = waiting.best_size
    for number in range(16 * 400):
        waiting.put(Request(number, 0.0, 1e9), 0.0)
    while len(waiting) and waiting.best_size < 14:
        batch, _ = waiting.take(0.0)
        waiting.ended(len(batch), 0.001 + 0.0001 * len(batch))

    assert before < 16
    assert waiting.best_size >= 14


@pytest.mark.parametrize(
    ("seconds_of", "least", "most"),
    [
        (lambda n: 0.0018 * n * (1 if n <= 12 else 1.15), 2, 12),  # what is large fits no cache
        (lambda n: 0.0018 * n, 2, 16),  # no size is better than another: neither end
        (lambda n: 0.01 + 0.0001 * n, 24, 32),  # the more the better
    ],
)
def test_a_larger_batch_must_be_worth_it(seconds_of, least, most):
    waiting = Waiting(Limits(32, 500.0, 10_000))
    draws = np.random.default_rng(0)
    for size in draws.integers(1, 33, 250):
        waiting.ended(int(size), seconds_of(size) * draws.uniform(1, 1.1))

    assert least <= waiting.best_size <= most


@given(st.lists(st.tuples(st.integers(1, 16), st.floats(1e-5, 10)), min_size=1, max_size=80))
def test_more_rows_never_take_less(measured):
    known = Latencies(16)
    for size, seconds in measured:
        known.learn(size, seconds)
        assert (np.diff(known.typical) >= -1e-12).all()
        assert all(map(operator.ge, known.high, known.typical))


def test_the_nearest_rising_values_are_means_of_what_falls():
    assert rising([1, 3, 2, 4], [1, 1, 1, 1]) == [1, 2.5, 2.5, 4]
    assert rising([4, 1], [1, 3]) == [1.75, 1.75]


@pytest.mark.parametrize(
    "wrong", [{"max_batch_size": 0}, {"latency_budget_ms": 0}, {"max_waiting": 0}, {"timeout_s": 0}]
)
def test_limits_that_cannot_work_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Limits(**wrong)


# --- with a thread -------------------------------------------------------------------------------


class Gate:
    """A model that doubles, and stops at each batch until it is let go on."""

    def __init__(self):
        self.entered, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.batches = []

    def __call__(self, items):
        self.batches.append(list(items))
        self.entered.release()
        assert self.go.acquire(timeout=20)
        return [2 * item for item in items]


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def batcher(gate):
    made = Batcher(gate, Limits(max_batch_size=8))
    yield made
    gate.go.release(1000)
    made.close()


def test_what_comes_while_a_batch_runs_goes_together(batcher, gate):
    first = batcher.submit(1)
    assert gate.entered.acquire(timeout=20)
    rest = [batcher.submit(number) for number in (2, 3, 4)]
    gate.go.release(9)

    assert [future.result(20) for future in (first, *rest)] == [2, 4, 6, 8]
    # Nothing was known at the second batch but the time of one row: two were dared, then more.
    assert [len(batch) for batch in gate.batches] in ([1, 3], [1, 2, 1])
    assert batcher.figures().n_answered == 4


def test_a_cancelled_request_is_not_sent(batcher, gate):
    first = batcher.submit(1)
    assert gate.entered.acquire(timeout=20)
    gone, stays = batcher.submit(2), batcher.submit(3)
    assert gone.cancel()
    gate.go.release(9)

    assert (first.result(20), stays.result(20)) == (2, 6)
    assert gate.batches == [[1], [3]]


def test_a_swap_loses_nobody_and_the_running_batch_ends_with_the_old_model(batcher, gate):
    first = batcher.submit(1)
    assert gate.entered.acquire(timeout=20)
    waiting = batcher.submit(5)
    batcher.swap(lambda items: [100 + item for item in items])
    gate.go.release(9)

    assert (first.result(20), waiting.result(20), batcher.ask(6)) == (2, 105, 106)


def test_a_swap_under_load_refuses_nobody_for_a_guess():
    waiting = Waiting(Limits(8, 100.0, 10_000, timeout_s=1.0))
    for number in range(2000):
        waiting.ended(number % 8 + 1, 0.001)
    before = waiting.best_size
    waiting.fade()
    waiting.ended(1, 0.05)  # the first batch of the new model was held up
    for number in range(500):
        waiting.put(Request(number, 0.0, 1.0), 0.0)

    assert waiting.best_size == before == 8
    assert len(waiting) == 500


def test_a_model_that_holds_its_batcher_goes_when_it_is_closed():
    class Served:
        def __init__(self):
            self.batcher = Batcher(self.answer)

        def answer(self, items):
            return items

    served = Served()
    gone = weakref.ref(served)
    gc.disable()  # which may pass over it: `pauses.spare_what_lives`
    try:
        assert served.batcher.ask(1) == 1
        served.batcher.close()
        del served
        assert gone() is None
    finally:
        gc.enable()


def test_closing_answers_who_waits_and_takes_nobody_else(gate):
    batcher = Batcher(gate)
    futures = [batcher.submit(number) for number in range(3)]
    assert gate.entered.acquire(timeout=20)
    gate.go.release(9)
    batcher.close()

    assert [future.result(0) for future in futures] == [0, 2, 4]
    with pytest.raises(ClosedError):
        batcher.submit(1)


def test_closing_at_once_refuses_who_waits(gate):
    batcher = Batcher(gate)
    running = batcher.submit(1)
    assert gate.entered.acquire(timeout=20)
    waiting = batcher.submit(2)
    gate.go.release(9)
    batcher.close(drain=False)

    assert running.result(20) == 2
    with pytest.raises(ClosedError):
        waiting.result(20)


def test_an_error_stays_with_its_own_row():
    def run(items):
        if 13 in items:
            raise ValueError("unlucky")
        return [item if item % 2 else KeyError(item) for item in items]

    batcher = Batcher(run)
    futures = {number: batcher.submit(number) for number in (1, 2, 13, 3)}

    assert (futures[1].result(20), futures[3].result(20)) == (1, 3)
    assert isinstance(futures[2].exception(20), KeyError)
    assert isinstance(futures[13].exception(20), ValueError)
    batcher.close()


def test_a_model_that_loses_rows_is_named():
    batcher = Batcher(lambda _: [])

    with pytest.raises(ModelError, match="one answer for each row"):
        batcher.ask(1)
    batcher.close()


def test_who_waits_too_long_is_told_and_is_not_sent_later(batcher, gate):
    batcher.submit(1)
    assert gate.entered.acquire(timeout=20)

    with pytest.raises(BusyError, match="before it is due"):
        batcher.ask(2, timeout_s=0.02)

    gate.go.release(9)
    assert batcher.ask(3) == 6
    assert [2] not in gate.batches


def test_two_threads_never_get_each_others_answer():
    batcher = Batcher(lambda items: [item * item for item in items], Limits(max_batch_size=4))
    found = {}

    def ask(start):
        for number in range(start, start + 50):
            found[number] = batcher.ask(number)

    threads = [threading.Thread(target=ask, args=(100 * n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    batcher.close()

    assert len(found) == 300
    assert all(answer == number**2 for number, answer in found.items())
