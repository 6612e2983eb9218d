"""What the store keeps of payments is what the model reads, bit by bit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ml_core.features.compute import compute as materialise
from ml_core.features.join import point_in_time_join
from ml_core.features.online import OnlineView, table_of
from ml_core.features.rows import times
from ml_core.features.sqlite_store import SqliteStore
from ml_core.tracking.run import NullRun
from solutions.fraud import solution
from solutions.fraud.features import compute
from solutions.fraud.ledger import Ledger
from solutions.fraud.options import DAY
from solutions.fraud.simulate import simulate
from solutions.fraud.views import LABEL_DELAY, VIEWS

BY_NAME = {view.name: view for view in VIEWS}


@pytest.fixture(scope="module")
def payments():
    return simulate(60, 30, 50, seed=5)


@pytest.fixture(scope="module")
def facts(payments):
    return compute(Ledger.of(payments), LABEL_DELAY, NullRun())


@pytest.mark.parametrize(
    ("view", "kept", "read"),
    [
        ("card_activity", "amount_count", "card_count"),
        ("terminal_activity", "amount_count", "terminal_count"),
        ("card_record", "fraud_count", "card_known"),
        ("card_record", "fraud_sum", "card_fraud"),
        ("terminal_record", "fraud_count", "terminal_known"),
    ],
)
def test_the_model_reads_the_figures_that_the_store_keeps(payments, facts, view, kept, read):
    table = materialise(BY_NAME[view], payments)
    ordered = payments.select("transaction_id").join(
        table, on="transaction_id", how="left", maintain_order="left"
    )
    spans = [name.removeprefix(f"{kept}_") for name in table.columns if name.startswith(kept)]

    assert len(spans) >= 2
    for one in spans:
        stored = np.log1p(ordered[f"{kept}_{one}"].to_numpy().astype(np.float32))
        assert np.array_equal(stored, facts.column(f"{read}_{one}")), one


def test_views_fit_the_columns_and_hold_labels_back():
    for view in solution.features():
        view.check(solution.inputs())
        assert view.owner == "fraud"
        for one in view.aggregations:
            assert one.column != "is_fraud" or one.delay == 7 * DAY


@pytest.mark.parametrize("name", ["card_activity", "terminal_record"])
def test_a_replayed_stream_of_payments_equals_the_offline_join(name, payments, tmp_path):
    """Each payment asks at its own moment, then comes in; training would join the same bits."""
    view = BY_NAME[name]
    named = materialise(view, payments).drop("transaction_id")
    events = payments.select("transaction_id", view.entity, view.time)
    offline = point_in_time_join(events, named, on=view.entity, at=view.time)
    moments = times(payments[view.time]).tolist()
    entities = payments[view.entity].to_list()
    values = payments.select(pl.col(view.values).cast(pl.Float64)).rows()
    keys = payments["transaction_id"].to_list()

    found = []
    with SqliteStore(tmp_path / "online.sqlite3") as store:
        online = OnlineView(view, store, "space")
        for place, (entity, at) in enumerate(zip(entities, moments, strict=True)):
            found += online.look_up([entity], [at])
            online.add(entity, at, values[place], keys[place])
    replayed = table_of(view, entities, moments, found)

    assert payments.height > 2000
    for feature in view.features:
        assert _bits(replayed[feature]) == _bits(offline[feature]), feature
    assert all(one.is_complete for one in found)


def _bits(column: pl.Series) -> bytes:
    return column.fill_null(np.nan).to_numpy().astype(np.float64).tobytes()
