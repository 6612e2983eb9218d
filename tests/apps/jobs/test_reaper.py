"""Jobs of dead workers come back once; lost messages are sent again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.jobs import reaper, registry, runner, services
from apps.jobs.models import Job, State


@pytest.fixture
def sent(monkeypatch) -> list:
    jobs: list = []
    monkeypatch.setattr(reaper, "dispatch", lambda job: jobs.append(job.id))
    return jobs


@pytest.fixture
def ended(monkeypatch) -> list[str]:
    states: list[str] = []
    handler = registry.Handler(lambda job, run: "/done/", lambda job: states.append(job.state))
    monkeypatch.setitem(registry._HANDLERS, "test", handler)
    return states


@pytest.fixture
def dead(people, ended) -> Job:
    """A job whose worker died: running, with a lease that ran out."""
    job = services.enqueue(kind="test", title="Test", team=people.team, user=None, params={})
    runner.claim(job.id)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    job.refresh_from_db()
    return job


def test_a_dead_worker_s_job_is_given_to_another(dead, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        n_moved = reaper.reap()
    runner.run(dead.id)

    dead.refresh_from_db()
    assert n_moved == 1
    assert sent == [dead.id]
    assert (dead.state, dead.attempt) == (State.SUCCEEDED, 2)


def test_it_is_given_back_once_then_fails_with_the_reason(dead, sent, ended):
    reaper.reap()
    runner.claim(dead.id)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    reaper.reap()

    dead.refresh_from_db()
    assert dead.state == State.FAILED
    assert "worker stopped" in dead.error
    assert ended == ["failed"]


def test_a_job_with_a_lease_is_left_alone(dead, sent):
    Job.objects.update(lease_until=timezone.now() + timedelta(seconds=5))

    assert reaper.reap() == 0
    assert Job.objects.get(id=dead.id).state == State.RUNNING


def test_a_cancelled_job_of_a_dead_worker_is_cancelled(dead, sent, ended):
    Job.objects.update(cancel_requested=True)

    reaper.reap()

    assert Job.objects.get(id=dead.id).state == State.CANCELLED
    assert ended == ["cancelled"]


def test_two_reapers_move_a_job_once(dead, sent):
    seen_by_both = Job.objects.get(id=dead.id)

    first, second = reaper._take_back(seen_by_both), reaper._take_back(seen_by_both)

    assert (first, second) == (True, False)


def test_a_lost_message_is_sent_again(people, sent):
    job = services.enqueue(kind="test", title="Test", team=people.team, user=None, params={})
    Job.objects.update(dispatched_at=timezone.now() - timedelta(minutes=5))

    reaper.reap()

    assert sent == [job.id]


def test_a_message_on_its_way_is_not_sent_again(people, sent):
    services.enqueue(kind="test", title="Test", team=people.team, user=None, params={})
    Job.objects.update(dispatched_at=timezone.now())

    reaper.reap()

    assert sent == []


def test_a_retry_gets_its_attempts_anew_and_keeps_the_fence(dead, sent, people):
    Job.objects.update(state=State.FAILED, attempt=2)

    services.retry(Job.objects.get(id=dead.id), people.alice)

    dead.refresh_from_db()
    assert (dead.state, dead.attempt, dead.max_attempts) == (State.QUEUED, 2, 4)


def test_a_long_wait_makes_it_patient(people, sent):
    services.enqueue(kind="test", title="Test", team=people.team, user=None, params={})
    now = timezone.now()
    Job.objects.update(
        created_at=now - timedelta(hours=2), dispatched_at=now - timedelta(seconds=60)
    )

    reaper.reap()

    assert sent == []


def test_a_new_worker_is_told_of_all_that_waits(people, sent):
    job = services.enqueue(kind="test", title="Test", team=people.team, user=None, params={})
    Job.objects.update(dispatched_at=timezone.now() - timedelta(seconds=3))

    reaper.reap(resend_after_s=2)

    assert sent == [job.id]
