"""What is deleted takes its features along, those of a run under way too."""

from __future__ import annotations

from datetime import date

import polars as pl

from apps.datasets import services as datasets
from apps.features import jobs, online
from apps.features.models import FeatureView
from apps.jobs import runner
from tests.apps.features.making import all_blobs, fresh, kept_view, start, three_days
from tests.apps.workshop import payments, ready_version


def of_same(first, version):
    """Let a version be of the dataset of another one."""
    version.dataset = first.dataset
    version.save()
    return version


def test_a_dataset_takes_its_features_along(people, django_capture_on_commit_callbacks):
    version = three_days(people)
    view = kept_view(people, version)

    with django_capture_on_commit_callbacks(execute=True):
        datasets.delete(version.dataset, people.alice)

    assert not FeatureView.objects.exists()
    assert all_blobs() == set()
    with online.open_store() as store:
        assert store.count(view.online_space) == 0


def test_a_version_takes_its_rows_out_of_the_features(people, django_capture_on_commit_callbacks):
    version = three_days(people)
    view = kept_view(people, version)

    with django_capture_on_commit_callbacks(execute=True):
        datasets.delete(version, people.alice)

    view.refresh_from_db()
    assert (view.days, view.n_rows, view.online_space) == ({}, 0, "")
    assert all_blobs() == set()
    assert fresh(view).state == "queued"


def test_a_version_takes_its_days_along_where_the_last_run_made_others(
    people, django_capture_on_commit_callbacks
):
    """The last run made two days anew from version 2; the third one is of version 1 still."""
    first = three_days(people)
    kept_view(people, first)
    second = of_same(first, three_days(people, number=2))
    days = {"start": date(2024, 1, 2), "end": date(2024, 1, 3)}
    view = kept_view(people, second, mode="backfill", **days)
    assert [source["number"] for source in view.materializations.first().sources] == [2]

    names = set(view.blobs)

    with django_capture_on_commit_callbacks(execute=True):
        datasets.delete(first, people.alice)

    view.refresh_from_db()
    assert (view.days, view.n_rows, view.online_space) == ({}, 0, "")
    assert not names & all_blobs()


def test_a_version_that_goes_while_it_is_appended_is_not_kept(people, monkeypatch):
    first = three_days(people)
    more = payments(30, seed=9, day=3).with_columns(time=pl.col("time").cast(pl.Datetime("us")))
    second = of_same(first, ready_version(people, more, number=2))
    made = start(people, second)
    fill = jobs._fill

    def deleted(*args):
        datasets.delete(first, people.alice)
        monkeypatch.setattr(jobs, "_fill", fill)
        return fill(*args)

    monkeypatch.setattr(jobs, "_fill", deleted)

    tried = runner.run(made.job_id)
    done = runner.run(made.job_id)

    made.refresh_from_db()
    assert (tried.state, done.state) == ("queued", "succeeded")
    assert [source["number"] for source in made.sources] == [2]
    assert list(FeatureView.objects.get().days) == ["2024-01-04"]
    assert all_blobs() == set(FeatureView.objects.get().blobs)


def test_a_rejected_version_that_goes_disturbs_no_run(people, monkeypatch):
    first = three_days(people)
    rejected = of_same(first, ready_version(people, number=2, state="rejected"))
    made = start(people, first)
    fill = jobs._fill

    def deleted(*args):
        datasets.delete(rejected, people.alice)
        return fill(*args)

    monkeypatch.setattr(jobs, "_fill", deleted)

    assert runner.run(made.job_id).state == "succeeded"
