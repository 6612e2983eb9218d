"""From where new labels are counted: what the last run that trained had, whatever came between."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from apps.experiments.models import TrainingRun
from apps.jobs.services import cancel, retry
from apps.schedules import services
from apps.schedules.due import run_due
from apps.schedules.models import Policy
from tests.apps.schedules.making import next_version, policy_of
from tests.apps.workshop import payments, ready_version

MONDAY = datetime(2030, 1, 7, 3, tzinfo=UTC)
BROKEN = {"breaks": True}


def more(n_rows: int) -> pl.DataFrame:
    return pl.concat([payments(60), payments(n_rows, seed=1, day=1)])


def by_labels(people, **said) -> tuple[Policy, object]:
    """A policy for which 50 new labels have come."""
    version = ready_version(people)
    policy = policy_of(people, version, trigger="labels", n_labels=50, **said)
    return policy, next_version(people, version, more(50))


def test_a_run_that_failed_uses_up_no_labels_and_is_not_tried_each_few_seconds(
    people, run_jobs, login
):
    policy, newest = by_labels(people, options=BROKEN)
    before = policy.base_version
    [failed] = run_due()
    run_jobs()
    failed.refresh_from_db()
    assert failed.state == "failed"

    assert run_due() == []

    policy.refresh_from_db()
    assert (policy.base_version, policy.n_new_labels) == (before, 50)
    page = login(people.alice).get(policy.get_absolute_url()).content.decode()
    assert "the run that these labels began failed" in page

    services.change(user=people.alice, policy=policy, options={"steps": 2})
    [again] = run_due()
    run_jobs()
    again.refresh_from_db()
    assert (again.state, again.version) == ("candidate", newest)
    assert again.why == failed.why == "50 new labels, 50 were asked for"
    assert run_due() == []
    policy.refresh_from_db()
    assert (policy.base_version, policy.n_new_labels) == (newest, 0)


def test_a_run_that_was_cancelled_uses_up_no_labels_and_more_of_them_begin_another(
    people, run_jobs, login
):
    policy, newest = by_labels(people)
    [run] = run_due()
    cancel(run.job, people.alice)

    assert run_due() == []
    page = login(people.alice).get(policy.get_absolute_url()).content.decode()
    assert "the run that these labels began was cancelled" in page
    latest = next_version(people, newest, more(55))
    [second] = run_due()
    run_jobs()

    assert second.why == "55 new labels, 50 were asked for"
    policy.refresh_from_db()
    assert policy.base_version == latest


def test_by_the_clock_a_run_that_failed_is_made_up_for_at_the_next_time(people, run_jobs):
    version = ready_version(people)
    policy = policy_of(people, version, n_labels=50, options=BROKEN)
    next_version(people, version, more(50))
    Policy.objects.filter(pk=policy.pk).update(next_at=MONDAY)
    run_due(MONDAY)
    run_jobs()

    policy.refresh_from_db()
    [second] = run_due(policy.next_at)

    assert second.state == "queued", second.reason


@pytest.mark.parametrize("was_overtaken", [False, True])
def test_a_retried_run_moves_the_base_but_never_back(people, run_jobs, was_overtaken):
    policy, newest = by_labels(people, options=BROKEN)
    [failed] = run_due()
    [job] = run_jobs()
    if was_overtaken:
        latest = next_version(people, newest, more(55))
        services.change(user=people.alice, policy=policy, options={"steps": 2})
        run_due()
        run_jobs()
    TrainingRun.objects.filter(pk=failed.training_id or job.training_runs.get().pk).delete()
    failed.recipe["options"] = {"steps": 2}
    failed.save(update_fields=["recipe"])
    retry(job, people.alice)
    run_jobs()

    failed.refresh_from_db()
    policy.refresh_from_db()
    assert failed.state == "candidate", failed.reason
    assert policy.base_version == (latest if was_overtaken else newest)


def test_a_run_on_data_that_the_policy_has_left_moves_no_base(people, run_jobs):
    policy, _ = by_labels(people)
    [run] = run_due()
    other = ready_version(people, payments(80, seed=5), name="Other")
    services.change(user=people.alice, policy=policy, dataset=other.dataset)
    run_jobs()

    run.refresh_from_db()
    policy.refresh_from_db()
    assert run.state == "candidate"
    assert policy.base_version == other


def test_more_budget_given_to_the_policy_is_what_a_retried_run_has(people, run_jobs):
    policy, _ = by_labels(people, options=BROKEN, budget_min=5)
    [run] = run_due()
    [job] = run_jobs()
    services.change(user=people.alice, policy=policy, budget_min=30)
    retry(job, people.alice)
    run_jobs()

    run.refresh_from_db()
    assert run.training.budget_s == 1800.0
