"""`python -m solutions`, from the outside."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from ml_core.tracking.console import ConsoleRun
from solutions.__main__ import main
from solutions.vqa import solution as vqa
from tests.dummy_solution import solution

DEMO = solution.demo()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "bundle"
    assert main(["train", "dummy", "--data", str(DEMO), "--out", str(out), "--seed", "3"]) == 0
    return out


def run(command, **paths):
    """Run a command; keywords become --name value."""
    options = [text for name, value in paths.items() for text in (f"--{name}", str(value))]
    return main([*command.split(), *options])


def test_list_names_every_solution(capsys):
    assert run("list") == 0

    assert "fraud" in capsys.readouterr().out


def test_check_runs_the_kit_and_counts(capsys):
    assert run("check dummy") == 0

    out = capsys.readouterr().out
    assert "ok    light_import" in out
    assert "25 of 25 checks passed." in out


def test_a_bundle_is_written_whole(bundle):
    assert {file.name for file in bundle.iterdir()} == {
        "card.json",
        "model.onnx",
        "preprocess.json",
    }
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_options_and_seed_reach_the_training(tmp_path, bundle):
    assert run("train dummy --set steps=5 --seed 4", data=DEMO, out=tmp_path / "b") == 0

    assert (tmp_path / "b" / "model.onnx").read_bytes() != (bundle / "model.onnx").read_bytes()


def test_a_folder_is_read_as_one_table(tmp_path, bundle, capsys):
    frame = pl.read_csv(DEMO)
    frame.head(500).write_csv(tmp_path / "1.csv")
    frame.tail(400).write_parquet(tmp_path / "2.parquet")

    assert run("predict dummy", bundle=bundle, data=tmp_path, out=tmp_path / "out" / "p.csv") == 0
    assert run("predict dummy", bundle=bundle, data=DEMO, out=tmp_path / "p.csv") == 0

    assert (tmp_path / "out" / "p.csv").read_text() == (tmp_path / "p.csv").read_text()
    assert "900 rows scored" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ending", "read"),
    [(".parquet", pl.read_parquet), (".csv", pl.read_csv), (".json", pl.read_json)],
)
def test_predictions_come_in_the_form_of_the_ending(tmp_path, bundle, ending, read):
    out = tmp_path / f"p{ending}"

    assert run("predict dummy", bundle=bundle, data=DEMO, out=out) == 0

    frame = read(out)
    assert frame.columns == ["row", "weld_id", "score", "label", "confidence", "alert"]
    assert frame["row"].to_list() == list(range(1, 901))
    assert frame["weld_id"].to_list() == pl.read_csv(DEMO)["weld_id"].to_list()


def test_history_makes_a_part_score_as_in_the_whole(tmp_path, bundle):
    frame = pl.read_csv(DEMO)
    frame.head(600).write_csv(tmp_path / "old.csv")
    frame.tail(300).write_csv(tmp_path / "new.csv")
    scores = {}
    for name, more in {"whole": {}, "part": {"history": tmp_path / "old.csv"}, "alone": {}}.items():
        data = DEMO if name == "whole" else tmp_path / "new.csv"
        out = tmp_path / f"{name}.parquet"
        assert run("predict dummy", bundle=bundle, data=data, out=out, **more) == 0
        scores[name] = pl.read_parquet(out)["score"].tail(300).to_list()

    assert scores["part"] == scores["whole"] != scores["alone"]


def test_evaluate_writes_its_figures(tmp_path, bundle, capsys):
    assert run("evaluate dummy", bundle=bundle, data=DEMO, json=tmp_path / "e.json") == 0

    result = json.loads((tmp_path / "e.json").read_text())
    assert result["rows"] == 900
    assert result["figures"]["auc"] > 0.8
    assert "Average precision" in capsys.readouterr().out


def test_the_gate_compares_two_bundles_on_a_file(tmp_path, bundle, capsys):
    worse = tmp_path / "worse"
    assert run("train dummy --set steps=1 --seed 4", data=DEMO, out=worse) == 0

    passed = run(
        "gate dummy --metric ap", bundle=bundle, against=worse, data=DEMO, json=tmp_path / "g.json"
    )
    refused = run("gate dummy --metric ap", bundle=worse, against=bundle, data=DEMO)
    allowed = run("gate dummy --metric ap --most-loss 1", bundle=worse, against=bundle, data=DEMO)

    verdict = json.loads((tmp_path / "g.json").read_text())
    assert (passed, refused, allowed) == (0, 1, 0)
    assert verdict["challenger"] > verdict["live"]
    assert verdict["n_rows"] == 900
    assert "Refused. Average precision" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("choice", "word"),
    [("--metric speed", "--metric must be one of"), ("--least-gain -1", "0 or more"),
     ("--most-loss nan", "0 or more")],
)  # fmt: skip
def test_a_gate_that_cannot_be_is_refused_before_the_work(bundle, capsys, choice, word):
    assert run(f"gate dummy {choice}", bundle=bundle, against=bundle, data=DEMO) == 2

    error = capsys.readouterr().err
    assert word in error
    assert "rows read" not in error


def test_a_cell_that_a_spreadsheet_would_run_is_defused(tmp_path, bundle):
    frame = pl.read_csv(DEMO).head(3)
    evil = frame.with_columns(pl.Series("weld_id", ["=1+1", "@x", "fine"]))
    evil.write_csv(tmp_path / "evil.csv")

    run("predict dummy", bundle=bundle, data=tmp_path / "evil.csv", out=tmp_path / "p.csv")

    assert pl.read_csv(tmp_path / "p.csv")["weld_id"].to_list() == ["'=1+1", "'@x", "fine"]


def without_current(folder):
    path = folder / "broken.csv"
    pl.read_csv(DEMO).drop("current").write_csv(path)
    return path


def with_text(folder):
    path = folder / "broken.csv"
    pl.read_csv(DEMO).with_columns(force_kN=pl.lit("much")).write_csv(path)
    return path


def without_labels(folder):
    path = folder / "broken.csv"
    pl.read_csv(DEMO).drop("failed").write_csv(path)
    return path


@pytest.mark.parametrize(
    ("command", "make", "word"),
    [
        ("train dummy", without_current, "current_ka"),
        ("train dummy", with_text, "force_kn"),
        ("train dummy", without_labels, "failed"),
        ("train dummy", lambda folder: folder / "nothing.csv", "Check the path"),
        ("train dummy --set steps=many", lambda _: DEMO, "steps"),
        ("train dummy --set depth=3", lambda _: DEMO, "Its options are: steps"),
        ("train dummy --set steps", lambda _: DEMO, "name=value"),
        ("train nonsense", lambda _: DEMO, "one of"),
    ],
    ids=["column", "type", "labels", "path", "value", "option", "form", "slug"],
)
def test_bad_input_is_a_sentence_and_leaves_nothing(tmp_path, capsys, command, make, word):
    assert run(command, data=make(tmp_path), out=tmp_path / "bundle") == 2

    error = capsys.readouterr().err
    assert word in error
    assert "Traceback" not in error
    assert not list(tmp_path.glob("bundle*"))


def test_an_old_bundle_is_not_overwritten(bundle, capsys):
    assert run("train dummy", data=DEMO, out=bundle) == 2

    assert "new folder" in capsys.readouterr().err


def test_labels_are_needed_to_evaluate(tmp_path, bundle, capsys):
    data = without_labels(tmp_path)

    assert run("evaluate dummy", bundle=bundle, data=data, json=tmp_path / "e.json") == 2

    assert "labels" in capsys.readouterr().err


def test_the_ending_is_checked_before_the_work(tmp_path, bundle, capsys):
    assert run("predict dummy", bundle=bundle, data=DEMO, out=tmp_path / "p.xlsx") == 2

    error = capsys.readouterr().err
    assert ".parquet, .csv or .json" in error
    assert "rows read" not in error


def test_a_damaged_bundle_is_a_failure(tmp_path, capsys):
    assert run("predict dummy", bundle=tmp_path, data=DEMO, out=tmp_path / "p.csv") == 1

    assert "Train again" in capsys.readouterr().err


def test_the_networks_of_a_bundle_are_measured(bundle, tmp_path, capsys):
    out = tmp_path / "graph.json"
    words = ["graph", str(bundle), "--batch", "1", "8", "--threads", "1", "--json", str(out)]

    assert main(words) == 0

    rows = json.loads(out.read_text("utf-8"))
    assert [(row["file"], row["batch"]) for row in rows] == [("model.onnx", 1), ("model.onnx", 8)]
    assert all(row["difference"] < 1e-5 for row in rows)
    assert "CPUExecutionProvider" in capsys.readouterr().out


@pytest.mark.parametrize("batch", ["0", "4"])
def test_a_bundle_without_a_network_cannot_be_measured(batch, tmp_path, capsys):
    assert main(["graph", str(tmp_path), "--batch", batch]) == 2
    assert "ONNX file" in capsys.readouterr().err


def test_it_runs_as_a_module():
    root = Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, "-m", "solutions", "predict", "dummy"],
        capture_output=True, text=True, cwd=root, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "--bundle" in done.stderr


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on_from_its_checkpoints(tmp_path, capsys, monkeypatch):
    set_ = ["--set", "epochs=2", "--set", "ema_decay=0", "--set", "width=16"]
    words = ["train", "vqa", "--data", str(vqa.demo()), *set_, "--checkpoints", str(tmp_path / "c")]

    def stop_at_the_second_loss(self, name, value, step=None):
        if (name, step) == ("loss", 2):
            raise KeyboardInterrupt

    monkeypatch.setattr(ConsoleRun, "metric", stop_at_the_second_loss)
    assert main([*words, "--out", str(tmp_path / "b")]) == 130
    monkeypatch.undo()

    assert main([*words, "--out", str(tmp_path / "b")]) == 0
    assert "Going on after epoch 1 of 2." in capsys.readouterr().err
