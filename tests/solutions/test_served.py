"""A bundle as a model of MLflow, up to a server that answers rows."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import polars as pl
import pytest

from ml_core.errors import ConfigError, ModelError
from solutions.__main__ import main
from solutions.served import load_model, save_model
from tests.dummy_solution import solution

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    out = tmp_path_factory.mktemp("served") / "bundle"
    assert main(["train", "dummy", "--data", str(solution.demo()), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def model(bundle):
    pytest.importorskip("mlflow")
    return save_model(solution, bundle, bundle.parent / "model")


def expected(bundle, tmp_path) -> pl.DataFrame:
    out = tmp_path / "p.parquet"
    data = str(solution.demo())
    assert (
        main(["predict", "dummy", "--bundle", str(bundle), "--data", data, "--out", str(out)]) == 0
    )
    return pl.read_parquet(out)


def test_without_mlflow_it_is_said_what_to_install(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "mlflow.pyfunc", None)

    code = main(["mlflow", "dummy", "--bundle", str(bundle), "--out", str(tmp_path / "model")])

    assert code == 2
    assert "pip install" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_it_is_the_bundle_with_its_code_and_nothing_pickled(model, bundle, tmp_path):
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    names = {path.name for path in model.rglob("*") if path.is_file()}

    loaded = pyfunc.load_model(str(model))
    rows = pl.read_csv(solution.demo())
    found = loaded.predict(rows.to_pandas())

    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".cloudpickle"))]
    assert {"MLmodel", "assay.json", "model.onnx", "requirements.txt"} <= names
    assert loaded.metadata.metadata["assay"]["slug"] == "dummy"
    truth = expected(bundle, tmp_path)
    assert found["score"].tolist() == truth["score"].to_list()
    own = load_model(model).predict(rows.head(3).to_pandas())
    assert own["score"].tolist() == truth["score"].head(3).to_list()


@pytest.mark.slow
def test_an_old_folder_and_a_damaged_bundle_are_refused_and_nothing_is_written(
    model, bundle, tmp_path
):
    with pytest.raises(ConfigError, match="new folder"):
        save_model(solution, bundle, model)
    with pytest.raises(ModelError):
        save_model(solution, tmp_path, tmp_path / "out" / "model")
    (tmp_path / "damaged").mkdir()
    with pytest.raises(ModelError, match="must name a solution"):
        load_model(tmp_path / "damaged")

    assert not (tmp_path / "out").exists()


@contextlib.contextmanager
def served(model: Path):
    """Serve a model as people would, and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # MLflow starts its server by the first Python of the path.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local",
         "-m", str(model), "-h", "127.0.0.1", "-p", str(port)],
        env=os.environ | QUIET | {"PATH": path}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 90
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/ping", timeout=2)  # noqa: S310
                break
            time.sleep(0.3)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(20)


def ask(address: str, rows: list[dict]) -> tuple[int, dict]:
    request = urllib.request.Request(  # noqa: S310  our own server
        f"{address}/invocations", json.dumps({"dataframe_records": rows}).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.slow
def test_mlflow_serves_it_and_it_answers_rows(model, bundle, tmp_path):
    with solution.demo().open() as file:
        rows = list(csv.DictReader(file))[:5]

    with served(model) as address:
        status, found = ask(address, rows)
        bad, said = ask(address, [{"weld_id": "w1"}])

    assert status == 200
    scores = [row["score"] for row in found["predictions"]]
    assert scores == pytest.approx(expected(bundle, tmp_path)["score"].head(5).to_list())
    assert bad == 400
    assert "Mean current" in said["message"]
