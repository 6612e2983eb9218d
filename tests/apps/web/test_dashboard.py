"""The dashboard says what waits, runs, came out and broke, to those whom it concerns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.datasets.models import Dataset, DatasetVersion
from apps.inference.models import Prediction
from apps.jobs.models import Job
from apps.registry.models import ModelVersion
from apps.web import dashboard
from solutions.registry import Broken, Registry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_solutions(monkeypatch):
    monkeypatch.setattr(dashboard, "registry", lambda: Registry({}))


def make_version(team, state="ready", name="Payments"):
    dataset = Dataset.objects.create(team=team, name=name, solution="weld")
    return DatasetVersion.objects.create(team=team, dataset=dataset, number=1, state=state)


def make_model(team, number=1, stage="candidate"):
    return ModelVersion.objects.create(
        team=team, solution="weld", number=number, stage=stage, promoted_at=timezone.now()
    )


def make_result(team, token="t"):  # noqa: S107  no password: what makes a form count once
    version, model = make_version(team), make_model(team, number=Prediction.objects.count() + 50)
    return Prediction.objects.create(
        team=team, solution="weld", dataset_version=version, model=model, state="succeeded",
        n_rows=1_754_155, n_alerts=1203, token=token,
    )  # fmt: skip


def make_job(team, state, **fields):
    return Job.objects.create(
        team=team, kind="score", title=f"A {state} job", state=state, **fields
    )


def page(browser) -> str:
    return browser.get("/").content.decode()


def test_a_new_installation_is_told_three_first_steps(login, alice):
    html = page(login(alice))

    assert "Three steps to a first result" in html
    assert 'href="/datasets/upload/"' in html


def test_first_steps_go_away_with_the_first_dataset(login, alice, team):
    make_version(team)

    html = page(login(alice))

    assert "Three steps" not in html
    assert "Nothing waits and nothing runs" in html


def test_a_file_whose_columns_are_not_confirmed_waits(login, alice, team):
    version = make_version(team, state="mapping", name="May")

    html = page(login(alice))

    assert "Waiting for you" in html
    assert version.get_absolute_url() in html


def test_a_candidate_waits_for_who_may_promote_it(login, alice, dora, team):
    model = make_model(team)

    assert model.get_absolute_url() in page(login(dora))
    assert model.get_absolute_url() not in page(login(alice))


def test_work_that_runs_is_shown_before_work_that_waits(login, alice, team):
    make_job(team, "queued")
    make_job(team, "running", stage="scoring", done=50, total=200)

    html = page(login(alice))

    assert html.index("A running job") < html.index("A queued job")
    assert 'value="25.0" max="100"' in html


def test_the_live_part_is_asked_for_alone(login, alice, team):
    make_job(team, "running")

    html = login(alice).get("/dashboard/running/").content.decode()

    assert "A running job" in html
    assert "<html" not in html


def test_results_and_live_models_are_shown(login, alice, team):
    result = make_result(team)
    live = make_model(team, number=7, stage="live")

    html = page(login(alice))

    assert result.get_absolute_url() in html
    assert "1,203 alerts in 1,754,155 rows" in html
    assert live.get_absolute_url() in html
    assert "weld, model 7" in html


def test_what_failed_lately_is_shown_with_its_reason(login, alice, team):
    make_job(team, "failed", error="The disk is full.")
    old = make_job(team, "rejected", error="Too long ago.")
    Job.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=8))

    html = page(login(alice))

    assert "The disk is full." in html
    assert "Too long ago." not in html


def test_a_solution_that_cannot_be_loaded_is_shown(login, alice, monkeypatch):
    broken = Registry({}, (Broken("acme_weld", "acme", "ImportError: no module named arc"),))
    monkeypatch.setattr(dashboard, "registry", lambda: broken)

    assert "no module named arc" in page(login(alice))


def test_an_outsider_sees_nothing_of_it(login, charlie, team):
    make_result(team)
    make_job(team, "running")
    make_job(team, "failed")
    make_version(team, state="mapping")

    html = page(login(charlie))

    assert "Three steps to a first result" in html
    assert "Payments" not in html
    assert "job" not in html.split('id="content"')[1].replace("/jobs/", "")


def test_the_number_of_queries_does_not_grow(login, admin, team, django_assert_max_num_queries):
    for index in range(9):
        make_result(team, token=f"t{index}")
        make_job(team, "running")
        make_job(team, "failed")
        make_version(team, state="mapping")
        make_model(team, number=index)
    browser = login(admin)

    with django_assert_max_num_queries(9):
        browser.get("/")
