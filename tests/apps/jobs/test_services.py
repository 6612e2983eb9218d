"""Jobs from outside: enqueue, cancel, retry."""

from apps.audit.models import AuditEvent
from apps.jobs import services
from apps.jobs.models import State


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
