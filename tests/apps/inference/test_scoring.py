from __future__ import annotations

import io

import polars as pl
import pytest
from django.db import DatabaseError

from apps.audit.models import AuditEvent
from apps.datasets import storage
from apps.datasets.models import DatasetVersion
from apps.inference import jobs
from apps.inference.models import Explanation, Prediction
from apps.inference.services import default_model, end, start_scoring
from apps.jobs.models import Job
from apps.registry.services import promote
from ml_core.errors import ConfigError, DataError, ModelError
from tests.apps.tiny_solution import TinyPredictor
from tests.apps.workshop import payments, ready_version, scored, trained_model


def rows_of(prediction: Prediction) -> pl.DataFrame:
    with storage.open_blob(prediction.result_blob) as file:
        return pl.read_parquet(io.BytesIO(file.read()))


def test_every_row_comes_back_once_best_score_first(people, tmp_path, run_jobs):
    frame = payments(300, seed=1)

    prediction = scored(people, tmp_path, run_jobs, frame)

    rows = rows_of(prediction)
    assert prediction.state == "succeeded"
    assert sorted(rows["row"]) == list(range(1, 301))
    assert rows["rank"].to_list() == list(range(1, 301))
    assert rows["score"].is_sorted(descending=True)
    # Ties stay in the order of the file.
    expected = frame.sort(["amount", "row"], descending=[True, False])["row"]
    assert rows["row"].to_list() == expected.to_list()


def test_the_columns_are_place_inputs_verdict_and_extras(people, tmp_path, run_jobs):
    prediction = scored(people, tmp_path, run_jobs)

    assert rows_of(prediction).columns == [
        "rank", "row", "payment_id", "time", "card_id", "amount", "is_bad",
        "score", "label", "confidence", "alert", "seen_before",
    ]  # fmt: skip


def test_the_page_has_what_the_solution_said_as_plain_json(people, tmp_path, run_jobs):
    prediction = scored(people, tmp_path, run_jobs)

    n_alerts = rows_of(prediction)["alert"].sum()
    assert prediction.n_alerts == n_alerts
    assert prediction.report[0]["value"] == n_alerts
    assert prediction.report[1]["value"] is None
    assert prediction.facts == {"threshold": 0.5, "not_a_number": None}
    assert prediction.metrics["accuracy"] > 0.9


def test_the_first_alerts_are_explained_by_their_row_number(
    people, tmp_path, run_jobs, monkeypatch
):
    monkeypatch.setattr(jobs, "MOST_EXPLAINED", 7)

    prediction = scored(people, tmp_path, run_jobs)

    rows = rows_of(prediction).head(7)
    told = {e.row: e.report[0]["reasons"][0]["text"] for e in Explanation.objects.all()}
    assert told == {
        row: f"It is {amount:.2f}" for row, amount in rows.select("row", "amount").iter_rows()
    }


def test_the_past_of_the_model_is_read_but_not_scored(people, tmp_path, run_jobs):
    past = payments(50, seed=0, day=0)
    model = trained_model(people, tmp_path, ready_version(people, past))
    frame = payments(40, seed=0, day=0).with_columns(pl.col("time") + pl.duration(minutes=30))

    prediction = scored(people, tmp_path, run_jobs, frame, model=model)

    rows = rows_of(prediction)
    assert prediction.n_history == 30  # the later twenty are not earlier than the first to score
    assert prediction.n_rows == len(rows) == 40
    first = rows.filter(pl.col("row") == 2)["card_id"][0]
    seen = past.head(30)["card_id"].to_list().count(first)
    assert rows.filter(pl.col("row") == 2)["seen_before"][0] == seen


def test_without_history_the_file_is_its_own_past(people, tmp_path, run_jobs):
    prediction = scored(people, tmp_path, run_jobs, history=None)

    assert prediction.history_version is None
    assert prediction.n_history == 0


def test_data_that_the_model_learned_from_is_not_measured(people, tmp_path, run_jobs):
    version = ready_version(people)
    model = trained_model(people, tmp_path, version)

    prediction = start_scoring(user=people.alice, version=version, model=model)
    run_jobs()

    prediction.refresh_from_db()
    assert prediction.state == "succeeded"
    assert prediction.metrics == {}


def test_other_rows_of_the_file_that_the_model_learned_from_are_not_measured(
    people, tmp_path, run_jobs
):
    learned = ready_version(people)
    model = trained_model(people, tmp_path, learned)
    corrected = ready_version(people, payments(300, seed=1, day=1))
    DatasetVersion.objects.filter(pk=corrected.pk).update(source_blob=learned.source_blob)
    corrected.refresh_from_db()

    prediction = start_scoring(user=people.alice, version=corrected, model=model)
    run_jobs()
    prediction.refresh_from_db()

    assert prediction.was_learned_from
    assert prediction.state == "succeeded"
    assert prediction.metrics == {}


def test_a_file_without_labels_is_scored_and_not_measured(people, tmp_path, run_jobs):
    frame = payments(30, labelled=False).drop("is_bad")

    prediction = scored(people, tmp_path, run_jobs, frame)

    assert prediction.state == "succeeded"
    assert prediction.metrics == {}
    assert rows_of(prediction)["is_bad"].null_count() == 30


def test_a_second_attempt_replaces_what_a_dead_one_left(people, tmp_path, run_jobs):
    prediction = scored(people, tmp_path, run_jobs)
    first = prediction.result_blob
    Prediction.objects.update(state="running")
    Job.objects.update(state="queued")

    run_jobs()

    prediction.refresh_from_db()
    assert prediction.state == "succeeded"
    assert prediction.result_blob != first
    assert sorted(rows_of(prediction)["row"]) == list(range(1, 301))
    assert Explanation.objects.count() == prediction.n_alerts


def test_a_result_that_stands_is_not_made_again(people, tmp_path, run_jobs):
    prediction = scored(people, tmp_path, run_jobs)
    first = prediction.result_blob
    Job.objects.update(state="queued")

    run_jobs()

    prediction.refresh_from_db()
    assert prediction.result_blob == first
    assert AuditEvent.objects.filter(action="prediction.made").count() == 1


def test_an_attempt_that_lost_its_job_keeps_nothing(people, tmp_path, run_jobs, monkeypatch):
    said = jobs._said

    def lose_the_job(*given):
        Job.objects.filter(kind="score").update(attempt=9)
        return said(*given)

    monkeypatch.setattr(jobs, "_said", lose_the_job)
    version = ready_version(people)
    prediction = start_scoring(
        user=people.alice, version=version, model=trained_model(people, tmp_path, version)
    )

    run_jobs()

    prediction.refresh_from_db()
    assert prediction.state == "running"
    assert prediction.result_blob == ""
    assert not list((tmp_path / "home" / "blobs" / "predictions").rglob("*.part"))
    assert not any(p.is_file() for p in (tmp_path / "home" / "blobs" / "predictions").rglob("*"))


def test_a_cancelled_scoring_keeps_nothing(people, tmp_path, run_jobs, monkeypatch):
    version = ready_version(people)
    prediction = start_scoring(
        user=people.alice, version=version, model=trained_model(people, tmp_path, version)
    )
    ranked = jobs.rank

    def rank_and_be_cancelled(*given):
        Job.objects.update(cancel_requested=True)
        return ranked(*given)

    monkeypatch.setattr(jobs, "rank", rank_and_be_cancelled)
    monkeypatch.setattr("apps.jobs.progress.ASK_EVERY_S", 0)

    run_jobs()

    prediction.refresh_from_db()
    assert prediction.state == "cancelled"
    assert Explanation.objects.count() == 0


def test_a_solution_that_loses_a_row_is_found_out(people, tmp_path, run_jobs, monkeypatch):
    whole = TinyPredictor.predict

    def lossy(self, batch, run, settings):
        made = whole(self, batch, run, settings)
        return type(made)(made.frame.head(-1), made.facts)

    monkeypatch.setattr(TinyPredictor, "predict", lossy)

    prediction = scored(people, tmp_path, run_jobs)

    assert prediction.state == "rejected"
    assert "one row for each input" in prediction.job.error


def test_the_live_model_is_taken_and_else_the_newest_candidate(people, tmp_path):
    old = trained_model(people, tmp_path)
    new = trained_model(people, tmp_path)

    assert default_model("tiny", people.team) == new

    promote(old, people.dora, "It is known.")

    assert default_model("tiny", people.team) == old


def test_scoring_without_a_model_says_to_train_one(people):
    version = ready_version(people)

    with pytest.raises(ModelError, match="Train one first"):
        start_scoring(user=people.alice, version=version)


def test_a_version_that_is_not_ready_is_refused(people, tmp_path):
    model = trained_model(people, tmp_path)
    version = ready_version(people, state="mapping")

    with pytest.raises(DataError, match="must be ready"):
        start_scoring(user=people.alice, version=version, model=model)


def test_the_same_token_gives_the_same_result(people, tmp_path):
    version = ready_version(people)
    model = trained_model(people, tmp_path, version)
    asked = {"user": people.alice, "version": version, "model": model, "token": "twice"}

    first, second = start_scoring(**asked), start_scoring(**asked)

    assert first == second
    assert Job.objects.filter(kind="score").count() == 1


def test_a_result_that_stands_survives_the_end_of_its_job(people, tmp_path, run_jobs):
    prediction = scored(people, tmp_path, run_jobs)
    # The worker died between keeping the result and ending the job, which was then cancelled.
    prediction.job.state = "cancelled"

    end(prediction.job)

    prediction.refresh_from_db()
    assert prediction.state == "succeeded"


def test_a_result_that_cannot_be_kept_leaves_no_file(people, tmp_path, run_jobs, monkeypatch):
    def fail(*_args, **_fields):
        raise DatabaseError("database is locked")

    monkeypatch.setattr(jobs, "record", fail)

    prediction = scored(people, tmp_path, run_jobs)

    assert prediction.state == "failed"
    assert not [p for p in (tmp_path / "home/blobs/predictions").rglob("*") if p.is_file()]


def test_a_token_that_scored_something_else_is_refused(people, tmp_path):
    version, other = ready_version(people), ready_version(people, payments(20), name="April")
    trained_model(people, tmp_path, version)
    start_scoring(user=people.alice, version=version, token="t1")

    with pytest.raises(ConfigError, match="sent before with other choices"):
        start_scoring(user=people.alice, version=other, token="t1")
