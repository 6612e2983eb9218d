"""An installation with an MLflow of its own, one with a broken one, and one without."""

from __future__ import annotations

from importlib import import_module

import pytest

from apps.experiments.services import start_training
from apps.jobs.models import Job, JobEvent
from apps.registry.models import ModelVersion
from apps.registry.services import promote, roll_back
from ml_core.tracking.mlflow import connect
from tests.apps.workshop import payments, ready_version, trained_model


@pytest.fixture(autouse=True)
def tiny_solution(settings, tmp_path):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.tiny_solution"]
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"


@pytest.fixture
def uri(settings, tmp_path):
    pytest.importorskip("mlflow")
    settings.ASSAY_MLFLOW_URI = f"sqlite:///{tmp_path}/mlflow.db"
    return settings.ASSAY_MLFLOW_URI


def train(people):
    return start_training(
        user=people.alice, solution="tiny", version=ready_version(people),
        options={"steps": 4}, seed=7,
    )  # fmt: skip


def test_without_one_nothing_is_told(people, tmp_path, run_jobs):
    train(people)
    promote(trained_model(people, tmp_path), people.dora, "It is good.")

    [job] = run_jobs()

    assert job.kind == "train"


def test_a_broken_one_breaks_no_training(people, settings, run_jobs):
    """Nobody listens there; or, without the package, nobody could ask."""
    settings.ASSAY_MLFLOW_URI = "http://me:secret@127.0.0.1:9"
    run = train(people)

    [job] = run_jobs()

    run.refresh_from_db()
    assert (job.state, run.state) == ("succeeded", "succeeded")
    assert ModelVersion.objects.get().run == run
    warnings = [e.message for e in JobEvent.objects.all() if "MLflow is told nothing" in e.message]
    assert len(warnings) == 1
    assert "secret" not in warnings[0]


def test_one_that_cannot_take_a_live_model_leaves_it_live(people, tmp_path, settings, run_jobs):
    settings.ASSAY_MLFLOW_URI = "http://me:secret@127.0.0.1:9"
    model = promote(trained_model(people, tmp_path), people.dora, "It is good.")

    job = run_jobs()[-1]

    model.refresh_from_db()
    assert (job.kind, job.state, model.stage) == ("mlflow", "failed", "live")
    assert "MLflow must" in job.error
    assert "secret" not in job.error


@pytest.mark.slow
def test_a_training_is_told_with_its_options_curves_and_card(uri, people, run_jobs):
    run = train(people)
    [job] = run_jobs()

    client = connect(uri)
    experiment = client.get_experiment_by_name("assay-tiny")
    [found] = client.search_runs([experiment.experiment_id])
    losses = client.get_metric_history(found.info.run_id, "loss")
    assert job.state == "succeeded"
    assert found.info.status == "FINISHED"
    assert found.data.params["steps"] == "4"
    assert found.data.params["seed"] == "7"
    assert found.data.tags["assay.run"] == str(run.pk)
    assert found.data.tags["assay.data_sha256"] == run.data_sha256
    assert [(one.step, one.value) for one in losses] == [(s, 1 / s) for s in range(1, 5)]
    assert found.data.metrics["test/accuracy"] == 0.9
    assert [one.path for one in client.list_artifacts(found.info.run_id)] == ["card.json"]


@pytest.mark.slow
def test_the_alias_follows_the_live_model_back_and_forth(
    uri, people, tmp_path, run_jobs, monkeypatch
):
    first = promote(trained_model(people, tmp_path, mean=60.0), people.dora, "The first.")
    run_jobs()
    second = promote(trained_model(people, tmp_path, mean=70.0), people.dora, "Better.")
    run_jobs()
    client, name = connect(uri), "assay-tiny-fraud-desk"

    def live() -> dict[str, str]:
        return client.get_model_version_by_alias(name, "live").tags

    assert live()["assay.model"] == str(second.pk)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    served = import_module("mlflow.pyfunc").load_model(f"models:/{name}@live")
    rows = payments(3).drop("row").to_pandas()
    assert served.predict(rows)["alert"].tolist() == (rows["amount"] > 70).tolist()
    roll_back(second, people.dora, "It was not.")
    run_jobs()

    assert live()["assay.model"] == str(first.pk)
    assert len(client.search_model_versions(f"name='{name}'")) == 2
    assert {job.state for job in Job.objects.filter(kind="mlflow")} == {"succeeded"}
