"""A batcher with its thread: who goes together, who must come again, and that nobody is lost."""

import gc
import threading
import weakref

import pytest

from ml_core.errors import BusyError, ModelError
from ml_core.runtime.batching import Batcher, ClosedError
from ml_core.runtime.waiting import Limits, Request, Waiting


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
