"""Days of Parquet: only what changed is computed again, whole or not at all."""

from __future__ import annotations

import fcntl
import json
from datetime import date, timedelta

import polars as pl
import pytest

from ml_core.errors import CancelledError, ConfigError, IntegrityError
from ml_core.features import folder as folders
from ml_core.features.compute import compute
from ml_core.features.folder import FeatureFolder
from ml_core.features.offline import inputs_of, plan
from ml_core.features.rows import clean
from ml_core.features.view import DAY, HOUR, Aggregation
from ml_core.tracking.run import NullRun
from tests.ml_core.features.events import assert_same_bits, events, table, view_of

# Three days back at most: late labels of a day, held back for two.
VIEW = view_of(
    Aggregation("amount", "amount", (HOUR, DAY), ("count", "sum", "mean")),
    Aggregation("late", "flag", (DAY,), ("count", "sum"), delay=2 * DAY),
)


@pytest.fixture
def folder(tmp_path):
    return FeatureFolder(tmp_path / "features", VIEW)


@pytest.fixture(scope="module")
def frame():
    return events(400, seed=1, days=40)


def whole(frame):
    ordered = compute(VIEW, frame).sort(["time", "card", "id"], maintain_order=True)
    return ordered.select(folders_columns())


def folders_columns():
    return ["card", "time", "id", *VIEW.features]


def files(folder):
    return {path.name for path in folder.path.glob("day=*/*.parquet")}


class Impatient(NullRun):
    """A run that is asked to stop after a while."""

    def __init__(self, patience):
        object.__setattr__(self, "left", patience)

    def cancelled(self):
        object.__setattr__(self, "left", self.left - 1)
        return self.left < 0


def test_all_days_together_are_the_whole_to_the_last_bit(folder, frame):
    made = folder.materialise(frame)

    assert made.n_rows == frame.height
    assert made.n_computed == len(folder.days()) > 30
    assert_same_bits(folder.read(), whole(frame))


def test_a_second_run_finds_nothing_to_do(folder, frame):
    folder.materialise(frame)
    before = files(folder)

    made = folder.materialise(frame.sample(fraction=1.0, shuffle=True, seed=2))

    assert made.n_computed == 0
    assert files(folder) == before


def test_new_days_are_appended_and_the_rest_stays(folder, frame):
    cut = frame["time"].min() + timedelta(days=30)
    folder.materialise(frame.filter(pl.col("time") < cut))
    before = files(folder)

    made = folder.materialise(frame)

    assert 9 <= made.n_computed <= 11  # the day of the cut, and those behind it
    assert len(before - files(folder)) <= 1
    assert_same_bits(folder.read(), whole(frame))


def test_a_late_row_changes_the_days_that_see_it(folder, frame):
    folder.materialise(frame)
    at = frame["time"].min() + timedelta(days=10, hours=1)
    late = frame.head(1).with_columns(time=pl.lit(at).cast(pl.Datetime("us")), id=pl.lit("late"))
    more = pl.concat([frame, late])

    made = folder.materialise(more)

    assert made.n_computed == 4  # its own day, and the three that look back so far
    assert_same_bits(folder.read(), whole(more))


def test_a_correction_and_a_row_that_went_away_are_noticed(folder, frame):
    folder.materialise(frame)
    corrected = frame.with_columns(
        amount=pl.when(pl.col("id") == "e100").then(1.25).otherwise("amount")
    ).filter(pl.col("id") != "e200")

    made = folder.materialise(corrected)

    assert 0 < made.n_computed <= 10
    assert_same_bits(folder.read(), whole(corrected))


def test_days_without_rows_any_more_go_away(folder, frame):
    folder.materialise(frame)
    half = frame.filter(pl.col("time") < frame["time"].min() + timedelta(days=20))

    made = folder.materialise(half)

    assert made.n_dropped > 15
    assert_same_bits(folder.read(), whole(half))


def test_another_definition_makes_all_days_anew(folder, frame):
    folder.materialise(frame)
    other = FeatureFolder(folder.path, view_of(Aggregation("rows", None, (2 * HOUR,))))

    made = other.materialise(frame)

    assert made.n_kept == 0
    assert other.read().columns == ["card", "time", "id", "rows_count_2h"]


def test_a_backfill_makes_its_range_and_leaves_the_rest(folder, frame):
    first = frame["time"].min().date()
    start, end = first + timedelta(days=5), first + timedelta(days=9)

    made = folder.materialise(frame, "backfill", start, end)

    assert set(folder.days()) == {start + timedelta(days=n) for n in range(5)}
    assert made.n_computed == 5
    within = pl.col("time").dt.date().is_between(start, end)
    assert_same_bits(folder.read(), whole(frame).filter(within))
    assert folder.materialise(frame, "backfill", start, start).n_kept == 4


def test_full_computes_all_days_whatever_is_there(folder, frame):
    folder.materialise(frame)
    n_days = len(folder.days())

    assert folder.materialise(frame, "full").n_computed == n_days


@pytest.mark.parametrize(
    ("mode", "start", "end"),
    [
        ("full", date(2024, 1, 1), None),
        ("incremental", None, date(2024, 1, 1)),
        ("backfill", date(2024, 1, 2), date(2024, 1, 1)),
        ("hourly", None, None),
    ],
)
def test_a_range_that_cannot_be_is_refused(folder, frame, mode, start, end):
    with pytest.raises(ConfigError, match="must"):
        folder.materialise(frame, mode, start, end)


def test_a_run_that_is_stopped_leaves_the_old_days(folder, frame):
    folder.materialise(frame)
    corrected = frame.with_columns(amount=pl.col("amount") + 1)

    with pytest.raises(CancelledError):
        folder.materialise(corrected, run=Impatient(5))

    assert_same_bits(folder.read(), whole(frame))


def test_what_a_killed_run_left_is_removed_by_the_next(folder, frame, monkeypatch):
    monkeypatch.setattr(
        FeatureFolder, "_replace", lambda self, days: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        folder.materialise(frame)
    monkeypatch.undo()
    left = files(folder)
    assert left
    assert folder.read().is_empty()

    folder.materialise(frame)

    assert not left & files(folder)
    assert_same_bits(folder.read(), whole(frame))


def test_two_at_once_do_not_meet(folder, frame):
    folder.path.mkdir()
    with (folder.path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="one process at a time"):
            folder.materialise(frame)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"days": {"x": {}}}', '{"days": {"2024-01-01": 3}}']
)
def test_a_damaged_manifest_is_refused(folder, frame, text):
    folder.path.mkdir()
    (folder.path / folders.MANIFEST).write_text(text, "utf-8")

    with pytest.raises(IntegrityError, match="manifest"):
        folder.materialise(frame)


def test_the_manifest_tells_the_definition(folder, frame):
    folder.materialise(frame)

    told = json.loads((folder.path / folders.MANIFEST).read_text("utf-8"))
    assert told["view"]["version"] == VIEW.version


def test_an_empty_table_makes_nothing(folder):
    made = folder.materialise(table([], [], []))

    assert (made.n_computed, made.n_rows, made.newest) == (0, 0, None)
    assert folder.read().is_empty()


def test_names_that_run_into_each_other_are_told_apart():
    rows = [clean(VIEW, table([0, 0], cards, [1.0, 1.0], ids=["1", "2"]))
            for cards in (["ab", "c"], ["a", "bc"])]  # fmt: skip

    one, other = (inputs_of(VIEW, frame) for frame in rows)

    assert one.keys() == other.keys()
    assert one != other


def test_a_plan_of_nothing_is_empty():
    made = plan({}, {}, "full")

    assert (made.compute, made.keep, made.drop) == ((), (), ())
