"""One attempt at a job: claimed once, fenced, and ended in one of the ways there are."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.jobs import registry, runner, services
from apps.jobs.models import Job, State
from apps.jobs.progress import JobRun, LostLeaseError
from ml_core.errors import CancelledError, DataError, Issue, JobError


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def make(people, monkeypatch, ended):
    """Return a maker of jobs whose handler is the given function."""

    def make_job(work) -> Job:
        handler = registry.Handler(work, lambda job: ended.append(job.state))
        monkeypatch.setitem(registry._HANDLERS, "test", handler)
        return services.enqueue(kind="test", title="Test", team=people.team, user=None, params={})

    return make_job


def raising(error: Exception):
    def work(job, run):
        raise error

    return work


def test_it_succeeds_with_a_result(make, ended):
    job = make(lambda job, run: "/results/1/")

    runner.run(job.id)

    job.refresh_from_db()
    assert (job.state, job.result_url, job.attempt) == (State.SUCCEEDED, "/results/1/", 1)
    assert job.finished_at is not None
    assert job.lease_until is None
    assert ended == []


def test_a_message_that_comes_twice_does_nothing(make):
    calls = []
    job = make(lambda job, run: calls.append(1) or "")

    runner.run(job.id)
    again = runner.run(job.id)

    assert again is None
    assert calls == [1]


def test_a_running_job_cannot_be_claimed(make):
    job = make(lambda job, run: "")

    first, second = runner.claim(job.id), runner.claim(job.id)

    assert first is not None
    assert second is None


def test_data_that_cannot_be_used_rejects_the_job(make, ended):
    job = make(raising(DataError([Issue("x", "Column amount is missing.")])))

    runner.run(job.id)

    job.refresh_from_db()
    assert job.state == State.REJECTED
    assert job.error == "Column amount is missing."
    assert ended == ["rejected"]


def test_a_passing_fault_is_tried_once_more(make, ended):
    job = make(raising(JobError("The store is busy.")))

    runner.run(job.id)
    waiting = Job.objects.get(id=job.id).state
    runner.run(job.id)

    job.refresh_from_db()
    assert waiting == State.QUEUED
    assert (job.state, job.attempt) == (State.FAILED, 2)
    assert ended == ["failed"]


def test_a_permanent_fault_is_not_tried_again(make):
    job = make(raising(JobError("No such model.", permanent=True)))

    runner.run(job.id)

    job.refresh_from_db()
    assert (job.state, job.error, job.attempt) == (State.FAILED, "No such model.", 1)


def test_an_unexpected_error_is_told_without_its_words(make, ended):
    job = make(raising(ValueError("card 4111-1111")))

    runner.run(job.id)

    job.refresh_from_db()
    assert job.state == State.FAILED
    assert "ValueError" in job.error
    assert "4111" not in job.error + "".join(event.message for event in job.events.all())
    assert ended == ["failed"]


def test_a_kind_without_handler_fails_with_the_reason(people):
    job = services.enqueue(kind="gone", title="Old", team=people.team, user=None, params={})

    runner.run(job.id)

    job.refresh_from_db()
    assert job.state == State.FAILED
    assert "'gone'" in job.error


def test_a_running_job_hears_that_it_is_cancelled(make, people, ended):
    def work(job, run):
        services.cancel(job, people.alice)
        assert run.cancelled()
        raise CancelledError("stop")

    job = make(work)

    runner.run(job.id)

    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert ended == ["cancelled"]


def test_the_wish_to_stop_is_asked_at_most_every_half_second(make, django_assert_num_queries):
    job = make(lambda job, run: "")
    run = JobRun(runner.claim(job.id))

    with django_assert_num_queries(1):
        answers = [run.cancelled() for _ in range(1000)]

    assert not any(answers)


def test_an_attempt_that_lost_the_job_cannot_write(make):
    job = make(lambda job, run: "")
    run = JobRun(runner.claim(job.id))
    Job.objects.filter(id=job.id).update(attempt=2)

    with pytest.raises(LostLeaseError):
        run.stage("score")
    with pytest.raises(LostLeaseError):
        run.finish(state=State.SUCCEEDED)

    assert not run.renew()
    assert run.cancelled()
    assert Job.objects.get(id=job.id).state == State.RUNNING


def test_losing_the_job_leaves_it_to_the_other_worker(make):
    def work(job, run):
        Job.objects.filter(id=job.id).update(attempt=7)
        run.stage("score")
        return ""

    job = make(work)

    assert runner.run(job.id) is None
    assert Job.objects.get(id=job.id).state == State.RUNNING


def test_stages_are_kept_with_time_and_memory(make):
    def work(job, run):
        run.stage("read")
        run.stage("score")
        return ""

    job = make(work)

    runner.run(job.id)

    job.refresh_from_db()
    assert [stage["name"] for stage in job.stages] == ["read", "score"]
    assert all(stage["peak_memory_mb"] > 1 for stage in job.stages)
    assert job.peak_memory_mb >= max(stage["peak_memory_mb"] for stage in job.stages)


def test_progress_is_written_at_most_every_half_second(make, django_assert_max_num_queries):
    job = make(lambda job, run: "")
    run = JobRun(runner.claim(job.id))

    with django_assert_max_num_queries(2):
        for done in range(1, 1001):
            run.progress(done, 1000, "rows")

    job.refresh_from_db()
    assert (job.done, job.total, job.note) == (1000, 1000, "rows")


def test_rate_and_time_left_follow_from_progress(make, monkeypatch):
    clock = iter(float(second) for second in range(1000))
    job = make(lambda job, run: "")
    claimed = runner.claim(job.id)
    monkeypatch.setattr("apps.jobs.progress.time.monotonic", lambda: next(clock))
    run = JobRun(claimed)
    run.stage("score")

    for done in (100, 200, 300):
        run.progress(done, 1000, "rows")

    job.refresh_from_db()
    assert job.rate > 0
    assert job.eta_s == pytest.approx(700 / job.rate)


def test_the_log_has_an_end(make, settings):
    settings.ASSAY_JOB_LOG_LINES = 5
    job = make(lambda job, run: [run.log(f"line {i}") for i in range(100)] and "")

    runner.run(job.id)

    lines = [event.message for event in job.events.all()]
    assert len(lines) == 5
    assert lines[-1] == "The log ends here, at 5 lines."


def test_the_lease_is_renewed(make):
    job = make(lambda job, run: "")
    run = JobRun(runner.claim(job.id))
    Job.objects.filter(id=job.id).update(lease_until=timezone.now() - timedelta(seconds=1))

    assert run.renew()

    assert Job.objects.get(id=job.id).lease_until > timezone.now()


def test_its_end_is_written_together_with_that_of_its_app(make, monkeypatch):
    job = make(raising(CancelledError("Stopped.")))

    def fail(job):
        raise RuntimeError("the worker dies here")

    monkeypatch.setattr(runner, "tell_end", fail)

    with pytest.raises(RuntimeError):
        runner.run(job.id)

    job.refresh_from_db()
    assert job.state == State.RUNNING  # so the reaper ends it, and tells the app
    assert job.lease_until is not None
