"""Batches under a simulated clock and under real threads: nobody is lost, late or out of turn."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.errors import BusyError, ConfigError
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
