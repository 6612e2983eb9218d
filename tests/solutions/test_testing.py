"""The conformance kit itself: each way to break the contract fails the check meant for it."""

import json
import socket
import urllib.request
from contextlib import suppress

import polars as pl
import pytest
from pydantic import Field

from ml_core.data.schema import Column, Schema
from ml_core.tracking.run import NullRun
from solutions.api import Options, Predictions
from solutions.blocks import Number, Report
from solutions.testing import ContractError, checks_for, no_network
from tests.dummy_solution import SCHEMA, Weld
from tests.dummy_solution.options import WeldOptions


class Fast(WeldOptions):
    steps: int = Field(20, description="Few.")


class FastWeld(Weld):
    """The dummy with less patience."""

    @property
    def options(self):
        return Fast


class Wrapped:
    """A predictor that changes what another says."""

    def __init__(self, inner, change):
        self.inner, self.change = inner, change

    def predict(self, batch, run=NullRun(), settings=None):  # noqa: B008
        got = self.inner.predict(batch, run)
        return Predictions(self.change(got.frame, batch), got.facts)


def predicting(change):
    class Changed(FastWeld):
        def load(self, bundle, device="auto"):
            return Wrapped(super().load(bundle, device), change)

    return Changed()


def training(change):
    class Changed(FastWeld):
        def train(self, data, options, run, out):
            trained = super().train(data, options, run, out)
            change(out)
            return trained

    return Changed()


def shift(amount):
    return pl.col("score") * 0.5 + amount


def edit_card(**changes):
    def edit(out):
        card = json.loads((out / "card.json").read_text())
        (out / "card.json").write_text(json.dumps(card | changes))

    return edit


def call_home(_):
    with suppress(OSError):
        urllib.request.urlopen("http://example.org", timeout=1)


class Deaf(FastWeld):
    def train(self, data, options, run, out):
        return super().train(data, options, NullRun(seed=run.seed), out)


class Unseeded(FastWeld):
    n_trained = 0

    def train(self, data, options, run, out):
        type(self).n_trained += 1
        return super().train(data, options, NullRun(seed=self.n_trained), out)


class Undescribed(FastWeld):
    @property
    def options(self):
        class Bare(Options):
            steps: int = 1

        return Bare


class Ambiguous(FastWeld):
    def inputs(self):
        return Schema((*SCHEMA.columns, Column("tip", "text", "Tip", "The tip.", required=False)))


class Speechless(FastWeld):
    def report(self, predictions, batch):
        return Report((Number("Rate", float("nan")),))


class Unmeasured(FastWeld):
    def evaluate(self, predictions, batch):
        return {"ap": 0.5}


class Trusting(FastWeld):
    def load(self, bundle, device="auto"):
        return super().load(bundle, device) if (bundle / "model.onnx").exists() else None


class Careless(FastWeld):
    """Takes any split, even of nothing."""

    def split(self, batch, options, seed):
        return super().split(batch, options, seed) if batch.frame.height else None


BROKEN = {
    "rows_keep_number_and_order": predicting(lambda frame, _: frame.reverse()),
    "one_row_is_as_in_company": predicting(
        lambda frame, _: frame.with_columns(shift(pl.col("score").mean() / 3))
    ),
    "strangers_change_nothing": predicting(
        lambda frame, batch: frame.with_columns(shift(batch.frame.height / 1e2))
    ),
    "the_future_changes_nothing": predicting(
        lambda frame, batch: frame.with_columns(shift(batch.frame.height / 1e4))
    ),
    "it_loads_and_predicts": predicting(
        lambda frame, _: frame.with_columns(pl.col("score").cast(pl.Float32))
    ),
    "bundle_has_no_pickle": training(lambda out: (out / "m.bin").write_bytes(b"\x80\x04\x95.")),
    "bundle_has_a_card": training(edit_card(licence="")),
    "exported_model_agrees": training(edit_card(parity=0.2)),
    "no_network_is_used": training(call_home),
    "cancel_is_obeyed": Deaf(),
    "same_seed_same_result": Unseeded(),
    "options_have_defaults_and_survive_json": Undescribed(),
    "fields_are_described": Ambiguous(),
    "report_is_json_of_known_kinds": Speechless(),
    "declared_metrics_are_measured": Unmeasured(),
    "a_damaged_bundle_is_refused": Trusting(),
    "empty_input_is_refused": Careless(),
}


@pytest.mark.parametrize(("name", "solution"), BROKEN.items(), ids=BROKEN)
def test_a_broken_promise_fails_its_check(name, solution):
    check = next(check for check in checks_for(solution) if check.name == name)

    with pytest.raises(ContractError):
        check()


@pytest.mark.parametrize("name", BROKEN)
def test_the_unbroken_solution_passes_the_same_check(name, whole):
    whole[name]()


@pytest.fixture(scope="module")
def whole():
    return {check.name: check for check in checks_for(FastWeld())}


def test_the_network_is_back_after_the_block():
    connect = socket.socket.connect

    with no_network() as calls, pytest.raises(OSError, match="must not use the network"):
        socket.create_connection(("127.0.0.1", 9), timeout=1)

    assert socket.socket.connect is connect
    assert calls.places
