"""What is due is begun once, and what is not done has its reason."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from django.db import connection
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.jobs.models import Job
from apps.schedules import services
from apps.schedules.due import run_due
from apps.schedules.models import Policy, ScheduleRun
from tests.apps.schedules.making import next_version, policy_of
from tests.apps.workshop import payments, ready_version

MONDAY = datetime(2030, 1, 7, 3, tzinfo=UTC)


def due_since(policy: Policy, at: datetime) -> None:
    Policy.objects.filter(pk=policy.pk).update(next_at=at)


def test_before_its_time_nothing_happens(people):
    policy = policy_of(people)

    assert run_due(policy.next_at - timedelta(seconds=1)) == []
    assert not ScheduleRun.objects.exists()


def test_at_its_time_one_run_is_begun_with_its_job(people):
    policy = policy_of(people)
    due_since(policy, MONDAY)

    [run] = run_due(MONDAY + timedelta(seconds=5))

    assert (run.scheduled_at, run.state, run.why) == (MONDAY, "queued", "By the clock")
    assert run.job.params == {"schedule_run": str(run.pk)}
    assert run.job.created_by == people.alice
    policy.refresh_from_db()
    assert policy.next_at == MONDAY + timedelta(days=7)
    event = AuditEvent.objects.get(action="schedule.ran")
    assert event.summary["scheduled_at"] == MONDAY.isoformat()


def test_a_second_beat_does_nothing_more(people):
    due_since(policy_of(people), MONDAY)

    assert len(run_due(MONDAY)) == 1
    assert run_due(MONDAY + timedelta(seconds=20)) == []
    assert Job.objects.count() == 1


def test_a_beat_that_had_read_the_old_time_does_nothing_more(people, monkeypatch):
    """Two processes see the same policy as due; the second one waits for the first."""
    policy = policy_of(people)
    due_since(policy, MONDAY)
    stale = list(Policy.objects.all())
    assert len(run_due(MONDAY)) == 1

    monkeypatch.setattr(
        "apps.schedules.due.Policy.objects.filter",
        lambda **_: type("Q", (), {"select_related": lambda *_: stale})(),
    )

    assert run_due(MONDAY) == []
    assert ScheduleRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_beats_at_the_same_moment_make_one_run(people):
    due_since(policy_of(people), MONDAY)
    ready = threading.Barrier(6)

    def beat() -> None:
        ready.wait()
        try:
            run_due(MONDAY)
        finally:
            connection.close()

    threads = [threading.Thread(target=beat) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ScheduleRun.objects.count() == Job.objects.count() == 1


def test_times_missed_while_the_service_was_down_are_made_up_for_once(people):
    due_since(policy_of(people), MONDAY)
    weeks_later = MONDAY + timedelta(days=24)

    [run] = run_due(weeks_later)

    assert run.scheduled_at == MONDAY + timedelta(days=21)
    assert run.why == "By the clock; makes up for 3 earlier times that were missed"
    assert run_due(weeks_later) == []
    assert Policy.objects.get().next_at == MONDAY + timedelta(days=28)


def test_while_a_run_is_open_another_is_not_begun(people):
    due_since(policy_of(people), MONDAY)
    run_due(MONDAY)

    [second] = run_due(MONDAY + timedelta(days=7))

    assert second.state == "nothing"
    assert "has not ended" in second.reason
    assert Job.objects.count() == 1


def test_a_paused_policy_rests_and_makes_up_for_nothing(people):
    policy = policy_of(people)
    services.pause(user=people.alice, policy=policy)
    due_since(policy, timezone.now() - timedelta(days=30))

    assert run_due() == []
    resumed = services.resume(user=people.alice, policy=policy)

    assert resumed.next_at > timezone.now()
    assert run_due() == []
    events = AuditEvent.objects.filter(action__startswith="schedule.").order_by("sequence")
    assert [event.action for event in events] == [
        "schedule.created", "schedule.paused", "schedule.resumed",
    ]  # fmt: skip


def test_without_data_it_says_so(people):
    version = ready_version(people)
    due_since(policy_of(people, version), MONDAY)
    version.state = "rejected"
    version.save()

    [run] = run_due(MONDAY)

    assert run.state == "nothing"
    assert run.reason == "Did nothing: March has no version that is ready to train on."


def test_too_few_new_labels_are_told_with_their_number(people):
    version = ready_version(people)
    due_since(policy_of(people, version, n_labels=200), MONDAY)
    next_version(people, version, pl.concat([payments(60), payments(12, seed=1, day=1)]))

    [run] = run_due(MONDAY)

    assert (run.state, run.reason) == ("nothing", "Did nothing: 12 of 200 new labels.")
    assert not Job.objects.exists()


def test_a_policy_by_labels_waits_for_enough_of_them_and_then_runs_once(people, run_jobs):
    version = ready_version(people)
    policy = policy_of(people, version, trigger="labels", n_labels=50)
    assert run_due() == []

    second = next_version(people, version, pl.concat([payments(60), payments(49, seed=1, day=1)]))
    assert run_due() == []
    policy.refresh_from_db()
    assert policy.n_new_labels == 49
    assert not ScheduleRun.objects.exists()

    next_version(people, second, pl.concat([payments(60), payments(50, seed=1, day=1)]))
    [run] = run_due()

    assert run.why == "50 new labels, 50 were asked for"
    assert run_due() == []
    run_jobs()
    assert run_due() == []
    policy.refresh_from_db()
    assert (policy.base_version, policy.n_new_labels) == (run.version, 0)


def test_rows_without_a_label_and_rows_known_before_are_not_counted(people):
    version = ready_version(people)
    policy = policy_of(people, version, trigger="labels", n_labels=1000)
    unlabelled = payments(30, seed=1, labelled=False)
    # A version of new rows alone counts as they do.
    next_version(people, version, pl.concat([payments(20, seed=2), unlabelled, payments(60)]))

    run_due()

    policy.refresh_from_db()
    assert policy.n_new_labels == 20


def test_unchanged_files_are_read_once(people, monkeypatch):
    version = ready_version(people)
    policy_of(people, version, trigger="labels", n_labels=1000)
    next_version(people, version, payments(20, seed=2))
    run_due()
    monkeypatch.setattr("apps.schedules.labels.load_frame", None)

    run_due()

    assert Policy.objects.get().n_new_labels == 20


def test_a_policy_that_breaks_does_not_stop_the_others(people):
    broken = policy_of(people, name="Broken")
    due_since(broken, MONDAY)
    Policy.objects.filter(pk=broken.pk).update(cron="nonsense")
    whole = policy_of(people)
    due_since(whole, MONDAY)

    assert [run.policy for run in run_due(MONDAY)] == [whole]


def test_a_solution_that_was_taken_out_is_told(people, settings):
    policy = policy_of(people)
    due_since(policy, MONDAY)
    settings.ASSAY_EXTRA_SOLUTIONS = []

    [run] = run_due(MONDAY)

    assert run.reason == "Did nothing: its solution is not installed."


def test_a_damaged_file_is_told(people):
    version = ready_version(people)
    due_since(policy_of(people, version), MONDAY)
    second = next_version(people, version, payments(20, seed=2))
    second.prepared_blob = "prepared/gone"
    second.save()

    [run] = run_due(MONDAY)

    assert run.state == "nothing"
    assert "could not be counted" in run.reason
