"""The job of a view: what changed, at once or not at all, and nothing left behind."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from apps.audit.models import AuditEvent
from apps.datasets import services as datasets
from apps.datasets import storage
from apps.datasets.errors import ConflictError
from apps.features import jobs, online, services
from apps.features.models import FeatureView, Materialization
from apps.jobs import runner
from apps.jobs import services as job_services
from apps.jobs.models import Job, State
from apps.monitoring.references import references
from ml_core.errors import CancelledError, ConfigError, DataError
from ml_core.features.compute import compute
from tests.apps.features.making import (
    all_blobs,
    fresh,
    kept_view,
    looked_up,
    start,
    the_definition,
    three_days,
)
from tests.apps.workshop import payments, ready_version


def stored(view) -> pl.DataFrame:
    """Read all days as they lie in the storage."""
    parts = []
    for day in view.days.values():
        with storage.open_blob(day["blob"]) as stream:
            parts.append(pl.read_parquet(io.BytesIO(stream.read())))
    return pl.concat(parts)


def test_a_view_is_computed_kept_and_told(people, run_jobs):
    version = three_days(people)
    made = start(people, version)

    [job] = run_jobs()

    made.refresh_from_db()
    view = made.view
    assert job.state == State.SUCCEEDED, job.error
    assert job.result_url == view.get_absolute_url()
    assert (made.state, made.n_days, made.n_rows) == ("succeeded", 3, 120)
    assert made.sources == [
        {"version": str(version.pk), "number": 1, "sha256": version.sha256, "n_rows": 120}
    ]
    assert made.view_hash == view.view_hash == the_definition().version
    assert list(view.days) == ["2024-01-01", "2024-01-02", "2024-01-03"]
    wanted = compute(the_definition(), datasets.load_frame(version)).sort("payment_id")
    assert stored(view).sort("payment_id").equals(wanted.select(stored(view).columns))
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"features.materialise_started", "features.materialised"} <= actions


def test_it_lies_on_the_disk_as_nobody_can_read_it(people, settings):
    view = kept_view(people)

    for name in view.blobs:
        data = (settings.ASSAY_DATA_DIR / "blobs" / name).read_bytes()
        assert b"PAR1" not in data
    kept = (settings.ASSAY_DATA_DIR / "features" / "online.sqlite3").read_bytes()
    cards = payments(60)["card_id"].to_list()
    assert not any(card.encode() in kept for card in cards if len(card) > 3)


def test_the_online_store_has_the_bits_of_the_offline_features(people):
    version = three_days(people)
    frame = datasets.load_frame(version)
    view = kept_view(people, version)
    last = compute(the_definition(), frame).group_by("card_id", maintain_order=True).last()

    for row in last.tail(5).iter_rows(named=True):
        found = looked_up(view, row["card_id"], row["time"].replace(tzinfo=UTC))
        assert found.is_known
        assert found.features == {name: row[name] for name in the_definition().features}


def test_a_second_run_keeps_what_did_not_change(people):
    version = three_days(people)
    before = kept_view(people, version).blobs

    view = kept_view(people, version)

    made = view.materializations.first()
    assert (made.n_days, made.n_kept, made.n_rows) == (0, 3, 0)
    assert view.blobs == before


def test_a_file_of_new_rows_is_appended_to_what_earlier_versions_hold(people):
    first = three_days(people)
    kept_view(people, first)
    more = payments(30, seed=9, day=3).with_columns(time=pl.col("time").cast(pl.Datetime("us")))
    second = ready_version(people, more)
    Materialization.objects.all()
    second.dataset, second.number = first.dataset, 2
    second.save()

    view = kept_view(people, second)

    made = view.materializations.first()
    assert [source["number"] for source in made.sources] == [1, 2]
    assert (made.n_days, made.n_kept) == (1, 3)
    assert view.n_rows == 150


def test_a_file_with_all_rows_replaces_them_and_only_changed_days_are_made(people):
    first = three_days(people)
    frame = datasets.load_frame(first)
    kept_view(people, first)
    corrected = frame.with_columns(
        amount=pl.when(pl.col("payment_id") == frame["payment_id"][119])
        .then(0.5)
        .otherwise("amount")
    )
    second = ready_version(people, corrected)
    second.dataset, second.number = first.dataset, 2
    second.save()

    view = kept_view(people, second)

    made = view.materializations.first()
    assert [source["number"] for source in made.sources] == [2]
    assert (made.n_days, made.n_kept) == (1, 2)


def test_a_backfill_makes_its_days_anew_and_the_old_files_go(
    people, django_capture_on_commit_callbacks
):
    version = three_days(people)
    before = kept_view(people, version)
    day = date(2024, 1, 2)

    with django_capture_on_commit_callbacks(execute=True):
        view = kept_view(people, version, mode="backfill", start=day, end=day)

    assert view.days["2024-01-02"]["blob"] != before.days["2024-01-02"]["blob"]
    assert view.days["2024-01-01"] == before.days["2024-01-01"]
    assert all_blobs() == set(view.blobs)
    assert view.blobs != before.blobs


def test_a_backfill_alone_does_not_pass_for_all_of_the_dataset(people):
    version, day = three_days(people), date(2024, 1, 2)

    view = kept_view(people, version, mode="backfill", start=day, end=day)

    assert list(view.days) == ["2024-01-02"]
    assert view.version is None
    assert fresh(view).state == "warning"
    assert "all of version 1" in fresh(view).reason
    assert fresh(kept_view(people, version)).state == "good"


def test_a_job_that_is_cancelled_leaves_the_view_as_it_was(people, monkeypatch):
    version = three_days(people)
    before = kept_view(people, version)
    made = start(people, version, mode="full")
    monkeypatch.setattr(jobs, "_fill", lambda *_: (_ for _ in ()).throw(CancelledError("stop")))

    job = runner.run(made.job_id)

    made.refresh_from_db()
    view = FeatureView.objects.get(pk=before.pk)
    assert (job.state, made.state) == ("cancelled", "cancelled")
    assert view.days == before.days
    assert all_blobs() == set(before.blobs)
    assert looked_up(view, "c1").features == looked_up(before, "c1").features


def test_a_worker_that_is_killed_half_way_is_made_up_for(people, monkeypatch):
    """The second attempt begins anew; what the first put online is gone."""
    made = start(people, three_days(people))
    Job.objects.filter(pk=made.job_id).update(attempt=1)
    space = services.space_of(made, 1)
    with online.open_store() as store:
        store.write(space, {b"left": b"over"})

    job = runner.run(made.job_id)

    made.refresh_from_db()
    assert (job.state, job.attempt) == ("succeeded", 2)
    with online.open_store() as store:
        assert store.count(space) == 0
        assert store.count(made.view.online_space) == made.view.n_entities > 0


def test_one_cancelled_while_it_waits_is_over(people):
    made = start(people, ready_version(people))

    job_services.cancel(made.job, people.alice)

    made.refresh_from_db()
    assert made.state == "cancelled"


def test_one_view_has_one_job_at_a_time(people):
    version = ready_version(people)
    start(people, version)

    with pytest.raises(ConflictError, match="one job at a time"):
        start(people, version)
    assert Job.objects.count() == 1


def test_the_same_token_gives_the_same_run_and_another_wish_is_refused(people):
    version = ready_version(people)
    first = start(people, version, token="t")

    assert start(people, version, token="t") == first
    with pytest.raises(ConfigError, match="sent again"):
        start(people, version, token="t", mode="full")


def test_a_view_that_changed_meanwhile_is_tried_again(people, monkeypatch):
    made = start(people, three_days(people))
    fill = jobs._fill

    def changed(*args):
        FeatureView.objects.filter(pk=made.view_id).update(revision=7)
        monkeypatch.setattr(jobs, "_fill", fill)
        return fill(*args)

    monkeypatch.setattr(jobs, "_fill", changed)

    first = runner.run(made.job_id)
    second = runner.run(made.job_id)

    assert (first.state, second.state) == ("queued", "succeeded")
    assert FeatureView.objects.get().revision == 8


def test_a_range_needs_a_backfill_and_a_backfill_its_definition(people):
    version = three_days(people)
    day = date(2024, 1, 2)
    with pytest.raises(ConfigError, match="backfill"):
        start(people, version, start=day)
    view = kept_view(people, version)
    FeatureView.objects.filter(pk=view.pk).update(view_hash="other")

    with pytest.raises(ConflictError, match="changed since"):
        start(people, version, mode="backfill", start=day, end=day)


def test_data_that_is_not_ready_is_refused(people):
    with pytest.raises(DataError, match="ready"):
        start(people, ready_version(people, state="mapping"))


def test_files_of_features_are_known_to_the_sweep(people):
    view = kept_view(people)

    owned = dict(references())

    assert {name: owned.get(name) for name in view.blobs} == dict.fromkeys(
        view.blobs, people.team.pk
    )


def test_a_payment_of_the_far_future_does_not_empty_the_online_store(people):
    frame = payments(60)
    far = datetime(2999, 1, 1)  # noqa: DTZ001  frames carry UTC without a zone
    frame = frame.with_columns(
        time=pl.when(pl.col("row") == 60)
        .then(pl.lit(far))
        .otherwise("time")
        .cast(pl.Datetime("us"))
    )
    recent = timedelta(days=1)
    frame = frame.with_columns(
        time=pl.when(pl.col("row") < 60)
        .then(pl.lit(datetime.now(UTC).replace(tzinfo=None) - recent)).otherwise("time")
        .cast(pl.Datetime("us"))
    )  # fmt: skip

    view = kept_view(people, ready_version(people, frame))

    assert view.n_entities > 5


def test_freshness_tells_what_is_newer(people):
    first = three_days(people)
    view = kept_view(people, first)
    assert fresh(view).state == "good"
    second = ready_version(people, payments(30, seed=9, day=5), number=2)
    second.dataset = first.dataset
    second.time_max = view.newest_event + timedelta(days=2)
    second.save()

    found = fresh(view)

    assert found.state == "warning"
    assert "all of version 2" in found.reason
    assert found.behind == timedelta(days=2)


def test_a_definition_that_changed_is_told_and_not_served(people):
    view = kept_view(people)
    FeatureView.objects.filter(pk=view.pk).update(view_hash="other")
    view.refresh_from_db()

    assert "definition has changed" in fresh(view).reason
    with pytest.raises(ConflictError, match="definition has changed"):
        looked_up(view, "c1")


def test_a_view_that_was_never_materialised_is_not_served(people):
    made = start(people, ready_version(people))

    with pytest.raises(ConflictError, match="not materialised yet"):
        looked_up(made.view, "c1")


def test_a_store_that_does_not_answer_fails_the_job_with_the_reason(people, settings):
    settings.ASSAY_FEATURES_URL = "redis://127.0.0.1:1/0"
    made = start(people, ready_version(people))

    runner.run(made.job_id)
    job = runner.run(made.job_id)

    assert job.state == "failed"
    assert "online store must answer" in job.error
    assert all_blobs() == set()
