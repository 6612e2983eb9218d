"""What a payment may know: the past, and labels that are old enough."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml_core.errors import CancelledError
from ml_core.tracking.run import NullRun
from solutions.fraud.features import FAMILIES, FEATURES, compute
from solutions.fraud.graph import CARD_COLUMNS, TERMINAL_COLUMNS, Neighbourhoods
from solutions.fraud.ledger import Habit, Ledger
from solutions.fraud.options import DAY

DELAY = 7 * DAY


def facts_of(frame, delay=DELAY):
    return compute(Ledger.of(frame), delay, NullRun())


def edges_of(facts, rows):
    return Neighbourhoods.of(facts, rows, 8).edges(slice(None))


def with_labels_flipped(frame, where):
    label = pl.col("is_fraud")
    return frame.with_columns(is_fraud=pl.when(where).then(1 - label).otherwise(label))


def payments(*rows):
    """Make a frame of (day, card, terminal, amount, fraud)."""
    start = datetime(2025, 1, 1)  # noqa: DTZ001
    day, card, terminal, amount, fraud = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "transaction_id": [str(number) for number in range(len(rows))],
            "time": [start + timedelta(days=d) for d in day],
            "card_id": card,
            "terminal_id": terminal,
            "amount": [float(a) for a in amount],
            "is_fraud": pl.Series(fraud, dtype=pl.Int8),
        }
    ).with_columns(pl.col("time").cast(pl.Datetime("us")))


def test_labels_younger_than_the_delay_move_no_feature_and_no_message(world):
    cut = world["time"].max() - timedelta(days=7)
    rows = np.flatnonzero((world["time"] > cut).to_numpy())
    flipped = with_labels_flipped(world, pl.col("time") > cut)

    before, after = facts_of(world), facts_of(flipped)

    assert np.array_equal(before.table[rows], after.table[rows])
    for one, other in zip(edges_of(before, rows), edges_of(after, rows), strict=True):
        assert np.array_equal(one, other)


def test_each_payment_sees_no_label_younger_than_its_own_delay(world):
    at = world.height * 2 // 3
    moment = world["time"][at]
    young = (pl.col("time") > moment - timedelta(days=7)) & (pl.col("time") <= moment)
    flipped = with_labels_flipped(world, young)

    before, after = facts_of(world), facts_of(flipped)

    assert np.array_equal(before.table[at], after.table[at])
    rows = np.array([at])
    for one, other in zip(edges_of(before, rows), edges_of(after, rows), strict=True):
        assert np.array_equal(one, other)


def test_a_label_that_is_old_enough_does_move_features(world):
    old = pl.col("time") < world["time"].max() - timedelta(days=7)
    flipped = with_labels_flipped(world, old)

    before, after = facts_of(world), facts_of(flipped)

    assert not np.array_equal(before.table[-50:], after.table[-50:])


def test_cutting_off_the_future_changes_nothing(world):
    kept = world.head(world.height // 2)

    whole, part = facts_of(world), facts_of(kept)

    assert np.array_equal(whole.table[: kept.height], part.table)
    rows = np.arange(kept.height - 200, kept.height)
    for one, other in zip(edges_of(whole, rows), edges_of(part, rows), strict=True):
        assert np.array_equal(one, other)


def test_the_order_of_rows_changes_nothing(world):
    order = np.random.default_rng(0).permutation(world.height)

    sorted_, shuffled = facts_of(world), facts_of(world[order])

    np.testing.assert_allclose(shuffled.table, sorted_.table[order], rtol=1e-5, atol=1e-5)


def test_payments_of_the_same_instant_do_not_see_each_other():
    frame = payments((0, "c", "t", 10, 0), (1, "c", "t", 900, 1), (1, "c", "t", 10, 0))

    facts = facts_of(frame)

    assert facts.column("card_payments")[2] == pytest.approx(np.log1p(1))
    assert facts.habit.median[2] == 10.0


def test_a_missing_label_column_means_that_nothing_is_known(world):
    facts = facts_of(world.drop("is_fraud"))

    assert not facts.ledger.known.any()
    assert not facts.column("terminal_risk_28d").any()


def test_the_habit_is_not_dragged_along_by_a_burst():
    rows = [(day, "c", "t", 20, 0) for day in range(20)]
    rows += [(20 + day / 10, "c", "t", 200, None) for day in range(8)]

    habit = Habit.of(Ledger.of(payments(*rows)))

    assert habit.median[-1] == 20.0
    assert habit.large[-8:].all()
    assert not habit.large[:20].any()


def test_a_first_payment_has_no_habit_to_differ_from():
    habit = Habit.of(Ledger.of(payments((0, "c", "t", 500, None))))

    assert habit.ratio[0] == 0.0
    assert not habit.large[0]


def test_a_run_of_frauds_is_told_with_its_age_and_its_last_genuine_payment():
    rows = [
        (0, "a", "t", 10, 0),
        (2, "b", "t", 10, 1),
        (4, "c", "t", 10, 1),
        (12, "d", "t", 10, None),
    ]

    facts = facts_of(payments(*rows))

    assert facts.column("terminal_run")[3] == pytest.approx(np.log1p(2))
    assert facts.column("terminal_run_age")[3] == pytest.approx(10.0)
    assert facts.column("terminal_since_genuine")[3] == pytest.approx(12.0)
    assert facts.column("terminal_since_fraud")[3] == pytest.approx(8.0)


def test_a_fraud_that_its_card_explains_is_not_held_against_the_terminal():
    habit = [(day / 10, "c", "home", 10, 0) for day in range(30)]
    rows = [
        *habit,
        (5, "c", "t", 300, 1),
        (5, "d", "u", 10, 1),
        (20, "x", "t", 9, None),
        (20, "x", "u", 9, None),
    ]

    facts = facts_of(payments(*rows))

    assert facts.column("terminal_odd_28d")[-2] < 0.1 < facts.column("terminal_odd_28d")[-1]
    assert facts.column("terminal_risk_28d")[-2] == facts.column("terminal_risk_28d")[-1]


def test_every_feature_belongs_to_one_family_and_is_a_number(world):
    table = facts_of(world).table

    assert len(set(FEATURES)) == len(FEATURES) == sum(map(len, FAMILIES.values()))
    assert np.isfinite(table).all()


def test_a_neighbour_that_is_not_there_is_all_zeros():
    facts = facts_of(payments((0, "c", "t", 10, 0), (9, "c", "t", 10, 0)))

    card, terminal = edges_of(facts, np.array([0, 1]))

    assert not card[0].any()
    assert card[1, :, 0].sum() == 1
    assert terminal[1, 0, TERMINAL_COLUMNS.index("same_card")] == 1
    assert card[1, 0, CARD_COLUMNS.index("known_genuine")] == 1


def test_it_stops_when_asked_to(world):
    class Impatient(NullRun):
        def cancelled(self):
            return True

    with pytest.raises(CancelledError):
        compute(Ledger.of(world), DELAY, Impatient())
