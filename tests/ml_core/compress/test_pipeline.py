"""The gate decides, with a table, and each form builds on the last that passed."""

from __future__ import annotations

import pytest
import torch

from ml_core.compress import pipeline
from ml_core.compress.gate import Gate, GateError
from ml_core.compress.pipeline import Plan, compress
from ml_core.errors import CancelledError, ConfigError, ModelError
from ml_core.tracking.run import NullRun
from tests.ml_core.compress.shapes import StripeRecipe

ALL = ("prune", "distil", "ptq", "qat")


@pytest.fixture(scope="module")
def file(_learnt, tmp_path_factory):
    """The network as it answers now."""
    path = tmp_path_factory.mktemp("now") / "model.onnx"
    StripeRecipe().export(_learnt, path)
    return path


@pytest.fixture(scope="module")
def made(_learnt, file, tmp_path_factory):
    torch.manual_seed(0)
    plan = Plan(ALL, allowed=3.0, seconds=10, share=0.5, rounds=1)
    out = tmp_path_factory.mktemp("made")
    return compress(_learnt, file, StripeRecipe(), plan, out, NullRun())


def test_all_forms_are_measured_beside_the_original(made):
    names = [one.name for one in made.variants]
    original, pruned, _, ptq, qat = made.variants

    assert names == ["original", "pruned", "distilled", "PTQ", "QAT"]
    assert pruned.size_mb < original.size_mb
    assert pruned.channels < original.channels
    assert max(ptq.size_mb, qat.size_mb) < pruned.size_mb
    assert all(one.latency_ms > 0 and one.rows_per_s > 0 for one in made.variants)
    assert all(
        one.loss == pytest.approx(100 * (original.metric - one.metric)) for one in (ptq, qat)
    )


def test_the_smallest_that_passed_is_chosen(made):
    passed = [one for one in made.variants[1:] if one.passed]

    assert made.chosen("size").size_mb == min(one.size_mb for one in passed)
    assert made.chosen("latency").latency_ms == min(one.latency_ms for one in passed)


def test_nothing_that_lost_too_much_is_chosen(learnt, file, tmp_path):
    """The recipe forgets all at once; who builds on the pruned network is lost with it."""

    class Forgetful(StripeRecipe):
        def learn(self, network, seconds, run):
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.zero_()

        teach = lambda self, teacher, network, seconds, run: self.learn(network, 0, run)  # noqa: E731

    plan = Plan(("prune", "distil", "ptq", "qat"), allowed=1.0, seconds=1, share=0.5)

    found = compress(learnt, file, Forgetful(), plan, tmp_path, NullRun())

    assert found.base == "original"
    assert [one.passed for one in found.variants] == [True, False, False, True, False]
    assert found.chosen("size").name == "PTQ"
    with pytest.raises(GateError) as error:
        type(found)(found.variants[:3], found.base).chosen("size")
    for words in ("at most 1 points", "pruned", "distilled", "failed", "Nothing was kept"):
        assert words in str(error.value)


def test_a_step_that_fails_leaves_the_forms_of_others(learnt, file, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ModelError("The file says something else.")

    monkeypatch.setattr(pipeline, "agreement", fail)
    both = Plan(("ptq", "qat"), allowed=100.0, seconds=1)

    found = compress(learnt, file, StripeRecipe(), both, tmp_path, NullRun())

    assert [one.name for one in found.variants] == ["original", "PTQ"]
    alone = Plan(("qat",), allowed=100.0, seconds=1)
    with pytest.raises(ModelError, match="something else"):
        compress(learnt, file, StripeRecipe(), alone, tmp_path, NullRun())


def test_thinner_matrices_are_kept_where_there_are_any(learnt, file, tmp_path):
    with torch.no_grad():
        weight = learnt.answer[0].weight
        weight.copy_(weight[:, :1] @ weight[:1])
    plan = Plan(("low_rank",), allowed=100.0, seconds=1)

    found = compress(learnt, file, StripeRecipe(), plan, tmp_path, NullRun())

    assert [one.name for one in found.variants] == ["original", "low rank"]
    assert found.variants[1].parameters < found.variants[0].parameters


def test_a_plan_without_steps_is_refused(learnt, file, tmp_path):
    with pytest.raises(ConfigError, match="At least one step"):
        compress(learnt, file, StripeRecipe(), Plan((), 1.0, 1), tmp_path, NullRun())


def test_it_stops_when_it_is_asked_to(learnt, file, tmp_path):
    class Stopped(NullRun):
        def cancelled(self) -> bool:
            return True

    with pytest.raises(CancelledError):
        compress(learnt, file, StripeRecipe(), Plan(ALL, 1.0, 1), tmp_path, Stopped())


@pytest.mark.parametrize(
    ("value", "higher", "loss", "passes"),
    [(0.80, True, 10, False), (0.895, True, 0.5, True), (0.95, True, -5, True),
     (0.95, False, 5, False), (0.5, False, -40, True)],
)  # fmt: skip
def test_the_gate_counts_points_in_the_direction_of_the_metric(value, higher, loss, passes):
    gate = Gate(0.9, 1.0, higher)

    assert gate.loss(value) == pytest.approx(loss)
    assert gate.passes(value) is passes


def test_a_metric_that_is_no_number_never_passes():
    assert not Gate(0.9, 100.0).passes(float("nan"))
