from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from apps.audit.models import AuditEvent
from apps.experiments import jobs
from apps.experiments.child import made
from apps.experiments.models import Metric, TrainingRun
from apps.experiments.services import start_training
from apps.experiments.tracking import DatabaseRun
from apps.jobs.models import Job
from apps.jobs.services import cancel
from apps.registry.models import ModelVersion
from ml_core.errors import ConfigError, DataError, JobError
from ml_core.security.cipher import DecryptingReader
from tests.apps.workshop import job_run, payments, ready_version


def started(people, options=None, version=None, **fields) -> TrainingRun:
    return start_training(
        user=people.alice, solution="tiny", version=version or ready_version(people),
        options=options or {}, **fields,
    )  # fmt: skip


def test_a_training_ends_with_a_candidate_and_its_curves(people, run_jobs, tmp_path):
    run = started(people, {"steps": 4}, seed=7)

    (job,) = run_jobs()

    run.refresh_from_db()
    model = ModelVersion.objects.get()
    losses = Metric.objects.filter(run=run, name="loss").order_by("step")
    assert (job.state, run.state) == ("succeeded", "succeeded")
    assert job.result_url == run.get_absolute_url()
    assert [stage["name"] for stage in job.stages] == [
        "Preparing", "Reading", "Learning", "Registering",
    ]  # fmt: skip
    assert list(losses.values_list("step", "value")) == [(s, 1 / s) for s in range(1, 5)]
    assert run.metrics["accuracy"] == 0.9
    assert run.how_split == "Three equal parts, in order."
    assert (model.run, model.stage, model.number) == (run, "candidate", 1)
    assert model.card["seed"] == 7
    assert set(model.manifest) == {"model.json", "card.json"}


def test_one_that_is_begun_again_with_another_budget_has_that_one_until_it_has_ended_well(
    people, run_jobs
):
    version = ready_version(people)
    first = started(people, version=version, token="t", budget_s=60.0)

    again = started(people, version=version, token="t", budget_s=120.0)

    assert again == first
    first.refresh_from_db()
    assert again.budget_s == first.budget_s == 120.0
    with pytest.raises(ConfigError, match="sent again as it was"):
        started(people, {"steps": 3}, version=version, token="t", budget_s=180.0)
    run_jobs()
    started(people, version=version, token="t", budget_s=240.0)
    first.refresh_from_db()
    assert (first.state, first.budget_s) == ("succeeded", 120.0)


def test_nothing_plain_is_left_on_the_disk(people, run_jobs, tmp_path):
    started(people)

    run_jobs()

    left = [path for path in (tmp_path / "home" / "cache").rglob("*") if path.is_file()]
    kept = [path for path in (tmp_path / "home" / "blobs").rglob("*") if path.is_file()]
    assert left == []
    assert all(path.read_bytes()[:5] == b"ASSAY" for path in kept)


def test_a_training_is_on_the_record(people, run_jobs):
    run = started(people)

    run_jobs()

    actions = list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))
    assert actions == ["training.started", "model.registered"]
    event = AuditEvent.objects.get(action="training.started")
    assert event.summary["data_sha256"] == run.data_sha256
    assert event.actor == people.alice


def test_data_that_cannot_be_learned_from_is_rejected_with_the_reason(people, run_jobs):
    version = ready_version(people, payments(30, labelled=False))
    run = started(people, version=version)

    (job,) = run_jobs()

    run.refresh_from_db()
    assert (job.state, run.state) == ("rejected", "rejected")
    assert "is_bad must have values" in job.error
    assert ModelVersion.objects.count() == 0


def test_a_broken_training_fails_and_keeps_no_model(people, run_jobs):
    run = started(people, {"breaks": True})

    (job,) = run_jobs()

    run.refresh_from_db()
    assert (job.state, run.state) == ("failed", "failed")
    assert ModelVersion.objects.count() == 0


def test_a_running_training_stops_when_it_is_cancelled(people, run_jobs, monkeypatch):
    run = started(people, {"steps": 1000, "pause_s": 0.05})
    monkeypatch.setattr("apps.jobs.progress.ASK_EVERY_S", 0)
    metric = DatabaseRun.metric

    def metric_and_cancel(self, *given, **named):
        metric(self, *given, **named)
        Job.objects.update(cancel_requested=True)

    monkeypatch.setattr(DatabaseRun, "metric", metric_and_cancel)
    began = time.monotonic()

    (job,) = run_jobs()

    run.refresh_from_db()
    assert (job.state, run.state) == ("cancelled", "cancelled")
    assert time.monotonic() - began < 20
    assert ModelVersion.objects.count() == 0


def test_a_waiting_training_is_cancelled_at_once(people):
    run = started(people)

    cancel(run.job, people.alice)

    run.refresh_from_db()
    assert run.state == "cancelled"


def test_an_attempt_after_a_crash_replaces_the_figures_of_the_first(people, run_jobs, monkeypatch):
    run = started(people, {"steps": 3})
    spawn = jobs.spawn

    def die_at_the_end(*given, **named):
        monkeypatch.setattr(jobs, "spawn", spawn)
        spawn(*given, **named)
        raise JobError("The child process was killed.")

    monkeypatch.setattr(jobs, "spawn", die_at_the_end)

    ended = run_jobs()

    run.refresh_from_db()
    assert [job.state for job in ended] == ["queued", "succeeded"]
    assert run.state == "succeeded"
    assert Metric.objects.filter(run=run, name="loss").count() == 3
    assert ModelVersion.objects.count() == 1


def test_nothing_of_a_killed_attempt_stays_on_the_disk(people, run_jobs, tmp_path):
    run, other = started(people), started(people, version=ready_version(people, name="Other"))
    root = tmp_path / "home" / "cache" / "runs"
    for folder in (f"{run.pk}-killed", f"{other.pk}-killed"):
        (root / folder).mkdir(parents=True)
        (root / folder / "data.sealed").write_bytes(b"ASSAY")

    cancel(other.job, people.alice)  # as the reaper, which ends jobs of dead workers
    run_jobs()

    assert list(root.iterdir()) == []


def test_a_model_that_stands_survives_the_end_of_its_job(people, run_jobs):
    run = started(people)
    run_jobs()
    run.refresh_from_db()
    run.job.state = "failed"

    jobs.end(run.job)

    run.refresh_from_db()
    assert run.state == "succeeded"


def test_a_training_that_has_a_model_is_not_done_again(people, run_jobs):
    started(people)
    run_jobs()
    Job.objects.update(state="queued")

    run_jobs()

    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [({"steps": 0}, "steps"), ({"colour": "red"}, "colour"), ({"form": "round"}, "form")],
)
def test_options_that_cannot_work_are_named(people, options, named):
    with pytest.raises(ConfigError, match=named):
        started(people, options)

    assert TrainingRun.objects.count() == 0


def test_a_token_that_started_something_else_is_refused(people):
    run = started(people, {"steps": 4}, token="t1")

    with pytest.raises(ConfigError, match="sent before with other choices"):
        started(people, {"steps": 5}, version=run.dataset_version, token="t1")


def test_a_version_that_is_not_ready_is_refused(people):
    with pytest.raises(DataError, match="must be ready"):
        started(people, version=ready_version(people, state="checking"))


def test_all_options_are_kept_with_their_defaults(people):
    run = started(people, {"steps": 2})

    assert run.options == {
        "steps": 2, "pause_s": 0.0, "form": "plain", "is_strict": False, "breaks": False,
    }  # fmt: skip


def test_figures_are_held_and_written_in_batches(people, django_assert_num_queries):
    training = started(people)
    _, job = job_run(people)
    told = DatabaseRun(training, job)

    with django_assert_num_queries(0):
        for step in range(100):
            told.metric("loss", 1.0, step)
    with django_assert_num_queries(1):
        told.flush()

    assert Metric.objects.count() == 100


def test_a_figure_that_is_no_number_is_a_gap(people):
    training = started(people)
    told = DatabaseRun(training, job_run(people)[1])

    told.metric("loss", float("nan"), 1)
    told.flush()

    assert Metric.objects.get().value is None


def test_the_child_gets_every_row_with_all_columns(people, tmp_path, monkeypatch):
    frame = payments(20).drop("is_bad")
    training = started(people, version=ready_version(people, frame))
    told = DatabaseRun(training, job_run(people)[1])

    payload = jobs.payload_of(training, tmp_path, told)

    with Path(payload["data"]).open("rb") as raw:
        read = pl.read_parquet(
            DecryptingReader(raw, {"training": bytes.fromhex(payload["key"])}).read()
        )
    assert read.height == 20
    assert read.columns == list(made(payload["solution"]).inputs().names)
