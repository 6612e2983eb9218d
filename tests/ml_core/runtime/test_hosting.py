"""Several models in one process, within a budget of memory."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.errors import ModelError
from ml_core.runtime.hosting import ModelHost
from ml_core.runtime.turns import Turns

SIZES = {"a": 4, "b": 3, "c": 5, "d": 1, "huge": 99}


class Shelf:
    """Models that are their own names; knows what is open and the most that ever was."""

    def __init__(self, budget=8, grow=0):
        self.open, self.most, self.loads, self.grow = [], 0, [], grow
        self.host = ModelHost(self.load, SIZES.__getitem__, budget, self.open.remove)

    def load(self, key):
        self.loads.append(key)
        self.open.append(key)
        size = SIZES[key] + self.grow
        self.most = max(self.most, sum(SIZES[one] + self.grow for one in self.open))
        return key, size


def used(shelf, keys):
    for key in keys:
        with shelf.host.use(key) as model:
            assert model == key


def test_a_model_is_loaded_once_and_the_least_used_goes():
    shelf = Shelf()
    used(shelf, "abad")

    assert shelf.loads == ["a", "b", "d"]
    used(shelf, "c")
    assert list(shelf.host.held()) == ["d", "c"]


def test_pinned_models_go_last():
    shelf = Shelf()
    shelf.host.pin(["a"])
    used(shelf, "ab")
    used(shelf, "d")
    used(shelf, "b")
    used(shelf, "c")

    assert "b" not in shelf.open
    assert shelf.host.used_bytes <= 8
    shelf.host.close()
    assert shelf.open == []


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=30), st.sets(st.sampled_from("abcd")))
def test_the_budget_is_kept_whatever_is_asked(keys, pinned):
    shelf = Shelf()
    shelf.host.pin(pinned)

    used(shelf, keys)

    assert shelf.most <= 8
    assert sorted(shelf.open) == sorted(shelf.host.held())


def test_a_model_that_fits_nowhere_is_refused_and_others_stay():
    shelf = Shelf()
    used(shelf, "a")

    with pytest.raises(ModelError, match="memory for models"):
        used(shelf, ["huge"])

    assert shelf.open == ["a"]


def test_one_that_grew_while_it_was_loaded_makes_room_too():
    shelf = Shelf(budget=11, grow=2)
    used(shelf, "ab")

    assert list(shelf.host.held()) == ["a", "b"]
    used(shelf, "c")
    assert shelf.host.used_bytes <= 11


def test_a_model_in_use_is_not_put_away_before_the_use_ends():
    shelf, inside, done = Shelf(), threading.Event(), threading.Event()
    order = []

    def hold():
        with shelf.host.use("a"):
            inside.set()
            assert done.wait(20)
            order.append("a ended" if "a" in shelf.open else "a was closed early")

    holder = threading.Thread(target=hold)
    other = threading.Thread(target=lambda: (used(shelf, "c"), order.append("c used")))
    holder.start()
    assert inside.wait(20)
    other.start()
    done.set()
    holder.join(20)
    other.join(20)

    assert order == ["a ended", "c used"]


def test_a_model_that_cannot_be_loaded_leaves_the_host_as_it_was():
    shelf = Shelf()
    used(shelf, "b")
    shelf.host._load = lambda key: (_ for _ in ()).throw(ModelError("broken"))

    with pytest.raises(ModelError, match="broken"):
        used(shelf, "d")

    used(shelf, "b")
    assert shelf.loads == ["b"]


def test_a_closed_host_loads_nothing():
    shelf = Shelf()
    shelf.host.close()

    with pytest.raises(ModelError, match="ends"):
        used(shelf, "a")


def test_whose_work_is_due_first_has_the_next_turn():
    turns, inside, go, order = Turns(), threading.Event(), threading.Event(), []

    def take(name, due):
        with turns.turn(due):
            order.append(name)
            if name == "first":
                inside.set()
                assert go.wait(20)

    threads = [threading.Thread(target=take, args=("first", 9.0))]
    threads[0].start()
    assert inside.wait(20)
    for name, due in (("late", 3.0), ("soon", 1.0), ("later", 2.0)):
        threads.append(threading.Thread(target=take, args=(name, due)))
        threads[-1].start()
    while len(turns._waiting) < 3:
        time.sleep(0.001)
    go.set()
    for thread in threads:
        thread.join(20)

    assert order == ["first", "soon", "later", "late"]
