"""Jobs from outside: enqueue, cancel, retry."""

import os

import pytest
from django.db import DatabaseError

from apps.audit.models import AuditEvent
from apps.jobs import processes, runner, services
from apps.jobs.models import Job, State
from tests.people import make_people


def test_it_dispatches_after_the_commit(people, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        job = services.enqueue(
            kind="of-no-app",
            title="Train",
            team=people.team,
            user=people.alice,
            params={"run": "1"},
        )

    job.refresh_from_db()
    assert len(callbacks) == 1
    assert job.dispatched_at is not None


def test_a_waiting_job_is_cancelled_at_once(people):
    job = services.enqueue(kind="nobody", title="Wait", team=people.team, user=None, params={})

    services.cancel(job, people.alice)

    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert AuditEvent.objects.filter(action="job.cancelled", thing_id=str(job.id)).exists()


@pytest.mark.django_db(transaction=True)
def test_a_dispatch_that_fails_after_the_commit_harms_nobody(monkeypatch):
    people = make_people()

    def fail(job):
        raise DatabaseError("database is locked")

    monkeypatch.setattr(services, "dispatch", fail)

    job = services.enqueue(kind="nobody", title="Wait", team=people.team, user=None, params={})

    job.refresh_from_db()
    assert job.state == State.QUEUED  # the reaper tells the workers


@pytest.mark.django_db
def test_a_planned_stop_costs_no_attempt(people, monkeypatch):
    job = services.enqueue(kind="nobody", title="Wait", team=people.team, user=None, params={})
    other = services.enqueue(kind="nobody", title="Far", team=people.team, user=None, params={})
    runner.claim(job.id)
    runner.claim(other.id)
    Job.objects.filter(id=other.id).update(worker="another-machine:1")

    processes.forgive_stop([os.getpid()])

    job.refresh_from_db()
    other.refresh_from_db()
    assert (job.attempt, job.max_attempts) == (1, 3)
    assert (other.attempt, other.max_attempts) == (1, 2)
