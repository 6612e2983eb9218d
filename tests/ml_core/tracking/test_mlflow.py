"""MLflow beside another run: told of everything, never in the way."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ml_core.errors import CancelledError, ConfigError
from ml_core.tracking import mlflow as told
from ml_core.tracking.mlflow import MLflowRun, Target, connect, publish, without_secrets
from ml_core.tracking.run import NullRun

TARGET = Target("http://user:secret@127.0.0.1:9", "assay-tiny", "tiny 1")


@dataclass(frozen=True, slots=True)
class Noted(NullRun):
    """A run that remembers what it was told."""

    lines: list[str] = field(default_factory=list)
    figures: list[tuple] = field(default_factory=list)

    def log(self, message):
        self.lines.append(message)

    def metric(self, name, value, step=None):
        self.figures.append((name, value, step))


def work(run, n_steps=3):
    """Do what a training does."""
    run.stage("Learning")
    for step in range(1, n_steps + 1):
        run.metric("loss", 1 / step, step)
        run.progress(step, n_steps, "steps")


@pytest.mark.parametrize(
    "trouble",
    [ConfigError("MLflow must be installed for this."), OSError("refused by //me:secret@host"),
     RuntimeError("anything at all")],
    ids=["missing", "unreachable", "odd"],
)  # fmt: skip
def test_a_broken_one_is_told_once_and_the_run_goes_on(monkeypatch, trouble):
    def break_down(uri):
        raise trouble

    monkeypatch.setattr(told, "connect", break_down)
    inner = Noted()

    with MLflowRun(inner, TARGET) as run:
        work(run)
        time.sleep(0.05)
        work(run)

    assert len(inner.figures) == 6
    [line] = inner.lines
    assert line.startswith("Warning: MLflow is told nothing more of this run: ")
    assert type(trouble).__name__ in line
    assert "The run goes on" in line
    assert "secret" not in line


def test_one_that_never_answers_is_not_waited_for(monkeypatch):
    stuck = threading.Event()
    monkeypatch.setattr(told, "connect", lambda uri: stuck.wait(30))
    monkeypatch.setattr(told, "CLOSE_S", 0.1)
    monkeypatch.setattr(told, "ARTIFACT_S", 0.1)
    monkeypatch.setattr(told, "MOST_HELD", 10)
    inner = Noted()

    with MLflowRun(inner, TARGET) as run:
        work(run, n_steps=50)

    stuck.set()
    assert len(inner.figures) == 50
    assert len(inner.lines) == 1
    assert "more slowly than they come" in inner.lines[0]


def test_an_error_of_the_training_is_not_swallowed(monkeypatch):
    monkeypatch.setattr(told, "connect", lambda uri: (_ for _ in ()).throw(OSError("gone")))

    with pytest.raises(ZeroDivisionError), MLflowRun(Noted(), TARGET):
        1 / 0  # noqa: B018


def test_an_address_is_told_without_its_password():
    assert "secret" not in without_secrets(OSError("HTTP http://me:secret@host:5000/api failed"))


# --- with the real package --------------------------------------------------------------------
@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    pytest.importorskip("mlflow")
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def told_runs(uri: str, name: str) -> list:
    client = connect(uri)
    experiment = client.get_experiment_by_name(name)
    return client.search_runs([experiment.experiment_id])


@pytest.mark.slow
def test_params_figures_by_step_and_files_arrive(uri, tmp_path):
    target = Target(uri, "assay-tiny", "tiny 1", {"epochs": 3, "seed": 7}, {"assay.run": "r1"})
    (tmp_path / "card.json").write_text("{}")

    with MLflowRun(Noted(), target) as run:
        work(run)
        run.metric("not a number", float("nan"))
        run.metric("odd name: 50 % ✓", 1.0)
        run.artifact(tmp_path / "card.json")
        (tmp_path / "card.json").unlink()
        run.artifact(tmp_path / "nowhere")

    [found] = told_runs(uri, "assay-tiny")
    client = connect(uri)
    history = client.get_metric_history(found.info.run_id, "loss")
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "tiny 1"
    assert found.data.params == {"epochs": "3", "seed": "7"}
    assert found.data.tags["assay.run"] == "r1"
    assert found.data.tags["assay.stage"] == "Learning"
    assert [(one.step, one.value) for one in history] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert "not a number" not in found.data.metrics
    assert [one.path for one in client.list_artifacts(found.info.run_id)] == ["card.json"]
    assert Path(uri.removeprefix("sqlite:///")).with_name("artifacts").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "status"), [(CancelledError("asked to"), "KILLED"), (ValueError("broken"), "FAILED")]
)
def test_how_a_run_ended_is_told(uri, error, status):
    target = Target(uri, f"assay-{status}", "tiny 1")

    with pytest.raises(type(error)), MLflowRun(Noted(), target):
        raise error

    assert told_runs(uri, f"assay-{status}")[0].info.status == status


@pytest.mark.slow
def test_a_model_is_registered_once_and_the_alias_goes_with_it(uri, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("flavors: {}\n")
    client = connect(uri)

    def put(model: str, number: str) -> str:
        tags = {"assay.model": model, "assay.number": number}
        folder = tmp_path / "model"
        return publish(client, uri, name="assay-tiny", folder=folder, alias="live", tags=tags)

    assert [put("a", "1"), put("b", "2"), put("b", "2")] == ["1", "2", "2"]
    assert client.get_model_version_by_alias("assay-tiny", "live").tags["assay.model"] == "b"
    assert put("a", "1") == "1"
    assert client.get_model_version_by_alias("assay-tiny", "live").version in {"1", 1}
    assert len(client.search_model_versions("name='assay-tiny'")) == 2
