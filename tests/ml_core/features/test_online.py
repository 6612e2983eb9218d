"""The next moment by the online store: the same bits as offline, whatever came in which order."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.errors import ConfigError, DataError, IntegrityError, JobError
from ml_core.features.compute import as_of, compute
from ml_core.features.online import OnlineView, table_of
from ml_core.features.redis_store import RedisStore
from ml_core.features.rows import times
from ml_core.features.sqlite_store import SqliteStore
from ml_core.features.state import State
from ml_core.features.view import DAY, HOUR, Aggregation
from tests.ml_core.features.events import START, assert_same_bits, events, table, view_of
from tests.reliability.redis_server import redis_server

VIEW = view_of()


class MemoryStore:
    """The promises of a store, kept by a dictionary."""

    def __init__(self):
        self.spaces = {}

    def read(self, space, names):
        return [self.spaces.get(space, {}).get(name) for name in names]

    def write(self, space, states):
        self.spaces.setdefault(space, {}).update(states)

    def swap(self, space, name, old, new):
        inside = self.spaces.setdefault(space, {})
        if inside.get(name) != old:
            return False
        if new is None:
            inside.pop(name, None)
        else:
            inside[name] = new
        return True

    def walk(self, space):
        yield from self.spaces.get(space, {}).items()

    def count(self, space):
        return len(self.spaces.get(space, {}))

    def drop(self, space):
        self.spaces.pop(space, None)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.services)])
def store(request, tmp_path):
    if request.param == "sqlite":
        with SqliteStore(tmp_path / "online.sqlite3") as made:
            yield made
    else:
        with RedisStore(request.getfixturevalue("redis_url")) as made:
            yield made
            made.drop("space")


def one_by_one(view, online, frame):
    """Replay a stream: at each event look up first, then put it in."""
    entities, at, found = [], [], []
    for place in range(frame.height):
        row = frame.slice(place, 1)
        entities.append(row["card"][0])
        at.append(int(times(row["time"])[0]))
        found += online.look_up(entities[-1:], at[-1:])
        online.put(row)
    return table_of(view, entities, at, found)


def test_a_replayed_stream_has_the_features_of_the_offline_table(store):
    frame = events(400, seed=1)
    online = OnlineView(VIEW, store, "space")

    replayed = one_by_one(VIEW, online, frame)

    offline = compute(VIEW, frame)
    assert_same_bits(replayed.select(VIEW.features), offline.select(VIEW.features))
    assert store.count("space") == frame["card"].n_unique()


def test_a_loaded_store_goes_on_where_the_table_ends(store):
    frame = events(600, seed=2, days=30)
    cut = frame["time"].min() + timedelta(days=24)
    online = OnlineView(VIEW, store, "space")
    online.load(frame.filter(pl.col("time") < cut))
    rest = frame.filter(pl.col("time") >= cut)

    replayed = one_by_one(VIEW, online, rest)

    offline = compute(VIEW, frame).filter(pl.col("time") >= cut)
    assert rest.height > 80
    assert_same_bits(replayed.select(VIEW.features), offline.select(VIEW.features))


rows = st.lists(
    st.tuples(
        st.integers(0, 30), st.sampled_from("ab"), st.floats(-1e9, 1e9), st.integers(0, 12)
    ),
    min_size=1, max_size=25,
)  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows, st.integers(0, 40))
def test_late_doubled_and_corrected_events_count_as_offline(given_rows, at):
    """In any order, and the last word on each event counts; one event keeps its card."""
    view = view_of(Aggregation("amount", "amount", (4, 15), ("count", "sum", "mean", "max", "std")))
    time, _, amount, number = zip(*given_rows, strict=True)
    card = ["ab"[n % 2] for n in number]
    frame = table(time, card, amount, ids=[f"e{n}" for n in number])
    online = OnlineView(view, MemoryStore(), "space")
    for place in range(frame.height):
        online.put(frame.slice(place, 1))

    found = online.look_up(["a", "b"], [START + at] * 2)

    moments = pl.DataFrame({"card": ["a", "b"], "time": [START + at] * 2}).with_columns(
        pl.col("time").cast(pl.Datetime("us"))
    )
    got = table_of(view, ["a", "b"], [START + at] * 2, found)
    assert_same_bits(got, as_of(view, frame, moments))
    assert all(one.is_complete for one in found)


def test_an_event_that_is_sent_again_changes_nothing(store):
    frame = events(60, seed=3, days=5)
    online = OnlineView(VIEW, store, "space")
    first = online.put(frame)
    before = dict(store.walk("space"))

    again = online.put(frame)

    assert (first.n_rows, first.n_replaced) == (60, 0)
    assert (again.n_rows, again.n_replaced) == (60, 60)
    assert dict(store.walk("space")) == before


def test_an_entity_that_nobody_knows_has_empty_windows(store):
    [found] = OnlineView(VIEW, store, "space").look_up(["nobody"], [START])

    assert not found.is_known
    assert found.newest is None
    assert found.features["rows_count_1d"] == 0
    assert found.features["amount_mean_1d"] is None


def test_what_is_past_all_windows_is_forgotten():
    online = OnlineView(VIEW, MemoryStore(), "space", lateness=HOUR)
    reach = VIEW.horizon + HOUR
    online.put(table([0, 1], ["a", "a"], [1.0, 2.0]))

    late = online.put(table([reach + 1], ["a"], [3.0], ids=["x"]))
    too_late = online.put(table([0], ["a"], [9.0], ids=["y"]))

    [found] = online.look_up(["a"], [START + reach + 2])
    assert found.n_rows == 1
    assert found.is_complete
    assert (late.n_too_late, too_late.n_too_late) == (0, 1)


def test_an_entity_with_too_many_rows_says_that_some_are_missing():
    online = OnlineView(VIEW, MemoryStore(), "space", most_rows=50)
    online.put(table(range(80), ["hot"] * 80, [1.0] * 80))

    [now] = online.look_up(["hot"], [START + 100])
    [later] = online.look_up(["hot"], [START + 100 + VIEW.horizon])

    assert now.n_rows == 50
    assert not now.is_complete
    assert later.is_complete


def test_entities_past_all_windows_expire(store):
    online = OnlineView(VIEW, store, "space", lateness=0)
    online.put(table([0, 9 * DAY], ["old", "new"], [1.0, 1.0]))

    n_gone = online.expire(START + 10 * DAY)

    assert n_gone == 1
    assert [one.is_known for one in online.look_up(["old", "new"], [START] * 2)] == [False, True]


WEEK = view_of(Aggregation("amount", "amount", (7 * DAY,), ("count", "sum")))
SEEN_LONG_AGO = table(
    [0, DAY, 152 * DAY], ["a", "b", "a"], [5.0, 7.0, 9.0]
)  # card a on 1 January and 1 June, card b on 2 January


def counted(found):
    return found.features["amount_count_7d"], found.features["amount_sum_7d"]


def test_a_look_up_of_a_past_that_was_left_out_says_so(store):
    """Card b is not kept at all, and no row of January of card a: both say what they lack."""
    online = OnlineView(WEEK, store, "space")
    online.load(SEEN_LONG_AGO)
    truth = as_of(
        WEEK, SEEN_LONG_AGO, table([2 * DAY] * 2, ["a", "b"], [0.0] * 2).select("card", "time")
    )
    assert truth["amount_sum_7d"].to_list() == [5.0, 7.0]

    past = online.look_up(["a", "b", "nobody"], [START + 2 * DAY] * 3)
    now = online.look_up(["a", "b", "nobody"], [START + 152 * DAY + 1] * 3)

    assert [one.is_complete for one in past] == [False, False, False]
    assert [one.is_complete for one in now] == [True, True, True]
    assert [counted(one) for one in now] == [(1.0, 9.0), (0.0, 0.0), (0.0, 0.0)]


def test_a_store_that_holds_all_rows_is_complete_at_any_moment(store):
    online = OnlineView(WEEK, store, "space")
    online.load(SEEN_LONG_AGO.filter(pl.col("card") == "b"))

    [found] = online.look_up(["b"], [START + 2 * DAY])

    assert found.is_complete
    assert counted(found) == (1.0, 7.0)
    assert store.count("space") == 1


def test_who_has_expired_is_not_said_to_have_been_nobody(store):
    online = OnlineView(WEEK, store, "space", lateness=0)
    online.put(SEEN_LONG_AGO)
    online.expire(START + 152 * DAY)

    [past, now] = online.look_up(["b", "b"], [START + 2 * DAY, START + 152 * DAY])

    assert (past.is_known, past.is_complete) == (False, False)
    assert now.is_complete
    assert online.expire(START + 152 * DAY) == 0


def test_no_row_is_lost_between_writers(tmp_path):
    def write(number):
        with SqliteStore(tmp_path / "online.sqlite3") as own:
            online = OnlineView(VIEW, own, "space")
            for i in range(25):
                online.put(table([i], ["hot"], [1.0], ids=[f"{number}-{i}"]))

    SqliteStore(tmp_path / "online.sqlite3").close()
    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    with SqliteStore(tmp_path / "online.sqlite3") as store:
        [found] = OnlineView(VIEW, store, "space").look_up(["hot"], [START + 100])
    assert found.n_rows == 100


def test_who_never_gets_a_turn_is_told():
    class Busy(MemoryStore):
        def swap(self, *args):
            return False

    with pytest.raises(JobError, match="Try again"):
        OnlineView(VIEW, Busy(), "space").put(table([0], ["a"], [1.0]))


def test_spaces_are_apart_and_are_dropped_whole(store):
    one, other = OnlineView(VIEW, store, "space"), OnlineView(VIEW, store, "other")
    one.put(table([0], ["a"], [1.0]))
    other.put(table([0, 0], ["a", "b"], [1.0, 1.0]))

    store.drop("other")

    assert (store.count("space"), store.count("other")) == (1, 0)


def test_a_store_keeps_its_promises(store):
    assert store.swap("space", b"x", b"1", b"2") is False
    assert store.swap("space", b"x", None, b"1") is True
    assert store.swap("space", b"x", None, b"2") is False
    assert store.swap("space", b"x", b"1", b"2") is True
    assert store.read("space", [b"x", b"y", b"x"]) == [b"2", None, b"2"]
    assert store.swap("space", b"x", b"1", None) is False
    assert store.swap("space", b"x", b"2", None) is True
    store.write("space", {bytes([n // 256, n % 256]): b"v" for n in range(1200)})
    assert len(dict(store.walk("space"))) == store.count("space") == 1200
    assert store.read("space", []) == []


@pytest.mark.parametrize("data", [b"", b"x" * 40, State.empty(3).encode(), None])
def test_a_damaged_state_is_refused(data):
    store, online = MemoryStore(), None
    online = OnlineView(VIEW, store, "space", digest=str.encode)
    online.put(table([0], ["a"], [1.0]))
    whole = store.spaces["space"][b"a"]
    store.spaces["space"][b"a"] = whole[:-8] if data is None else data

    with pytest.raises(IntegrityError, match="online store"):
        online.look_up(["a"], [START])


def test_no_name_is_kept_as_it_came(store):
    online = OnlineView(VIEW, store, "space")
    online.put(table([0], ["4000-1234-5678"], [1.0], ids=["payment-77"]))

    kept = b"".join(name + value for name, value in store.walk("space"))

    assert b"4000" not in kept
    assert b"payment" not in kept


def test_rows_that_cannot_be_used_are_refused(store):
    with pytest.raises(DataError):
        OnlineView(VIEW, store, "space").put(events(3).drop("amount"))


@pytest.mark.parametrize("values", [(1.0,), (float("inf"), 0.0), (1e200, 0.0), ()])
def test_an_event_that_cannot_be_used_is_refused(values):
    with pytest.raises(DataError, match="An event must have 2 values"):
        OnlineView(VIEW, MemoryStore(), "space").add("a", START, values)


def test_one_event_comes_in_as_a_row_of_a_table_does():
    one, other = MemoryStore(), MemoryStore()

    OnlineView(VIEW, one, "space").add("a", START + 5, (-0.0, None), "e0")
    OnlineView(VIEW, other, "space").put(table([5], ["a"], [0.0]))

    assert one.spaces == other.spaces


def test_nothing_to_load_makes_no_entity(store):
    assert OnlineView(VIEW, store, "space").load(table([], [], [])) == 0


def test_an_address_that_is_no_redis_is_refused():
    with pytest.raises(ConfigError, match="redis://"):
        RedisStore("http://example.org")


def test_one_row_of_the_far_future_does_not_empty_the_store():
    frame = pl.concat([table([0], ["a"], [1.0]), table([5000 * DAY], ["b"], [1.0], ids=["x"])])
    online = OnlineView(VIEW, MemoryStore(), "space")

    online.load(frame, newest=START + DAY)

    assert all(one.is_known for one in online.look_up(["a", "b"], [START] * 2))


LOOK_UP = """
import sys
from pathlib import Path
from ml_core.features.online import OnlineView
from ml_core.features.sqlite_store import SqliteStore
from solutions.fraud.views import VIEWS

with SqliteStore(Path(sys.argv[1])) as store:
    online = OnlineView(VIEWS[0], store, "space")
    online.add("c1", 10, (5.0,), "t1")
    [found] = online.look_up(["c1"], [11])
assert found.features["amount_sum_1h"] == 5.0
assert not {"numba", "torch"} & set(sys.modules)
"""


def test_a_look_up_needs_no_compiler(tmp_path):
    """The web process does it, which imports none."""
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", LOOK_UP, str(tmp_path / "online.sqlite3")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def test_states_are_read_as_they_were_written():
    state = State(7, np.array([1, 2]), np.array([3, 5], np.uint64), np.array([[1.0], [np.nan]]))

    again = State.decode(state.encode(), 1)

    assert again.floor == 7
    assert again.keys.tolist() == [3, 5]
    assert again.values[0, 0] == 1.0
    assert np.isnan(again.values[1, 0])
