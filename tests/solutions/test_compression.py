"""Smaller models of a solution: what is kept, what is refused, and what the new bundle says."""

from __future__ import annotations

import json
from dataclasses import replace

import onnx
import pytest

from ml_core.compress.gate import Variant
from ml_core.errors import ConfigError, ModelError
from ml_core.evaluate.intervals import Interval
from ml_core.tracking.run import NullRun
from solutions import variants
from solutions.__main__ import main
from solutions.bundle import read_card
from solutions.casting import solution as casting
from solutions.compression import STEPS, Compressed, CompressOptions
from solutions.fraud import solution as fraud
from solutions.registry import Registry
from solutions.tables import open_batch
from solutions.variants import require_offered
from solutions.vqa import VisualQuestions, solution
from solutions.vqa.compress import AnswerRecipe
from solutions.vqa.learning import temperature
from solutions.vqa.options import VqaOptions
from solutions.vqa.scoring import Preparation
from solutions.vqa.simulate import pack, scenes
from solutions.weights import options_of


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "scenes.zip"
    pack(*scenes(60, seed=0), out)
    return out


@pytest.fixture(scope="module")
def bundle(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "bundle"
    choices = ["--set", "epochs=3", "--set", "width=32"]
    assert main(["train", "vqa", "--data", str(data), "--out", str(out), *choices]) == 0
    return out


def ask(bundle, data, out, *choices: str) -> int:
    chosen = [word for one in choices for word in ("--set", one)]
    return main(
        [
            "compress",
            "vqa",
            "--bundle",
            str(bundle),
            "--data",
            str(data),
            "--out",
            str(out),
            *chosen,
        ]
    )


@pytest.mark.slow
def test_all_forms_are_told_and_the_smallest_is_kept(bundle, data, tmp_path, capsys):
    out = tmp_path / "smaller"

    code = ask(bundle, data, out, "minutes=0.05", "allowed_loss=30", "share=0.5", "low_rank=true")

    told = capsys.readouterr().out
    assert code == 0
    for form in ("original", "pruned", "distilled", "PTQ", "QAT"):
        assert form in told
    card = read_card(out)
    before, after = read_card(bundle), {one["name"]: one for one in card["variants"]}
    assert after[card["form"]]["size_mb"] < after["original"]["size_mb"] / 2
    assert card["split"] == before["split"]
    assert card["metrics"]["accuracy_low"] <= card["metrics"]["accuracy"]
    assert "parity" not in card
    # The same figure by the way that results are made.
    figures = tmp_path / "figures.json"
    main(["evaluate", "vqa", "--bundle", str(out), "--data", str(data), "--json", str(figures)])
    assert json.loads(figures.read_text())["figures"]["accuracy"] > 0
    network = onnx.load(out / Preparation.load(out).network).graph
    whole = [t for t in network.initializer if t.data_type == onnx.TensorProto.INT8]
    assert whole


def test_nothing_is_kept_where_all_lost_too_much(bundle, data, tmp_path, capsys, monkeypatch):
    lost = Variant("pruned", "p.onnx", 0.1, 1, 100, 0.5, 0.4, 0.6, 40.0, 1.0, False, 10, 10, 10)
    whole = replace(lost, name="original", metric=0.9, loss=0.0, passed=True)
    monkeypatch.setattr(VisualQuestions, "compress", lambda *_: Compressed((whole, lost)))
    out = tmp_path / "smaller"

    code = ask(bundle, data, out)

    told = capsys.readouterr().err
    assert code == 1
    assert "at most 1 points" in told
    assert "+40.00" in told
    assert not out.exists()
    assert not list(tmp_path.glob("*.part"))


QUICK = ("prune=false", "distil=false", "qat=false", "minutes=0.05", "allowed_loss=30")


def test_the_form_is_chosen_by_some_rows_and_tested_once_on_others(
    bundle, data, tmp_path, monkeypatch
):
    asked, measure = [], variants.figures_of
    monkeypatch.setattr(
        "solutions.vqa.compress.figures_of",
        lambda one, two, rows: (
            asked.append(set(rows.targets["picture"])) or measure(one, two, rows)
        ),
    )
    monkeypatch.setattr(
        variants,
        "figures_of",
        lambda one, two, rows: (
            asked.append(set(rows.targets["picture"])) or measure(one, two, rows)
        ),
    )

    assert ask(bundle, data, tmp_path / "smaller", *QUICK) == 0

    *chosen_by, tested_on = asked
    assert len(chosen_by) == 2
    assert chosen_by[0] == chosen_by[1]
    assert not chosen_by[0] & tested_on


def test_a_form_that_fails_the_test_is_not_kept(bundle, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(variants, "figures_of", lambda *_: ({}, Interval(-1.0, -1.0, -1.0)))

    assert ask(bundle, data, tmp_path / "smaller", *QUICK) == 1

    told = capsys.readouterr().err
    assert "rows by which it was not chosen. PTQ lost" in told
    assert "failed" in told
    assert not (tmp_path / "smaller").exists()


def test_the_confidence_is_that_of_the_file_that_answers(bundle, data, tmp_path):
    out = tmp_path / "smaller"
    assert ask(bundle, data, out, *QUICK) == 0
    prepared = Preparation.load(out)

    with open_batch(data, solution.inputs()) as batch:
        split = solution.split(batch, options_of(bundle, VqaOptions), read_card(bundle)["seed"])
        recipe = AnswerRecipe(solution, bundle, split, NullRun())
        odds = recipe.odds(out / prepared.network)

    assert prepared.network != "network.onnx"
    assert prepared.temperature == temperature(odds, recipe.valid.answers)


def test_a_compressed_bundle_is_not_compressed_again(bundle, data, tmp_path, capsys):
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in bundle.iterdir():
        if file.name != "weights.safetensors":
            (bare / file.name).write_bytes(file.read_bytes())

    assert ask(bare, data, tmp_path / "smaller") == 1
    assert "must hold its weights" in capsys.readouterr().err


def test_a_solution_that_does_not_offer_it_says_so(tmp_path):
    with pytest.raises(ConfigError, match="must offer"):
        fraud.compress(tmp_path, None, CompressOptions(), NullRun(), tmp_path)  # type: ignore[arg-type]


def test_no_step_is_refused_with_those_there_are(bundle, data, tmp_path, capsys):
    none = ("prune=false", "distil=false", "ptq=false", "qat=false")

    assert ask(bundle, data, tmp_path / "smaller", *none) == 2
    assert "low_rank, prune, distil, ptq, qat" in capsys.readouterr().err


def test_a_step_of_another_solution_is_refused():
    with pytest.raises(ConfigError, match="low_rank"):
        require_offered(casting, CompressOptions(low_rank=True))


def test_all_that_is_offered_is_known():
    for one in Registry.discover():
        assert set(one.compressions) <= set(STEPS)
    assert solution.compressions


def test_a_damaged_card_is_refused(bundle, tmp_path):
    (tmp_path / "card.json").write_text("[]")

    with pytest.raises(ModelError, match=r"card\.json"):
        read_card(tmp_path)


def test_a_model_that_learnt_privately_is_not_made_smaller(tmp_path, capsys):
    (tmp_path / "card.json").write_text(json.dumps({"privacy": {"epsilon": 3.0}}))

    code = ask(tmp_path, tmp_path / "scenes.zip", tmp_path / "smaller", "minutes=0.05")

    assert code == 2
    assert "would break the promise" in capsys.readouterr().err
    assert not (tmp_path / "smaller").exists()
