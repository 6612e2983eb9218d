"""Which workers live, what they serve and run, and what waits for nobody."""

import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from apps.jobs import presence, services
from apps.jobs.models import Job, Process, State
from apps.jobs.names import worker_name
from apps.jobs.queues import is_served, queues
from apps.jobs.reaper import reap_once


@pytest.fixture
def worker(monkeypatch, db) -> str:
    """Let this process be a worker; returns its name."""
    monkeypatch.setattr(presence, "_self", None)
    kept_open = SimpleNamespace(close=lambda: None)
    monkeypatch.setattr("apps.jobs.reaper.connection", kept_open)
    monkeypatch.setattr(presence, "connection", kept_open)
    presence.begin("worker", ["gpu", "cpu"])
    reap_once()
    return worker_name(os.getpid())


def make_job(people, queue="cpu", **fields) -> Job:
    job = services.enqueue(
        kind="score", title="Score May", team=people.team, user=people.alice, params={},
        queue=queue, solution="fraud",
    )  # fmt: skip
    Job.objects.filter(pk=job.pk).update(**fields)
    return job


def queue_of(name: str):
    return next(queue for queue in queues() if queue.name == name)


def test_a_worker_tells_what_it_serves_with_each_round(worker):
    process = Process.objects.get()

    assert process.name == worker
    assert process.queues == ["cpu", "gpu"]
    assert worker in process.pool
    assert process.is_alive
    assert is_served("gpu")


def test_a_sign_of_life_is_renewed_not_repeated(worker):
    Process.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    assert not is_served("cpu")

    presence.tell()

    assert Process.objects.count() == 1
    assert is_served("cpu")


def test_a_worker_that_stops_takes_its_row_along(worker):
    presence.leave()
    presence.tell()

    assert not Process.objects.exists()


def test_a_fork_of_a_worker_tells_nothing(worker, monkeypatch):
    Process.objects.all().delete()
    monkeypatch.setattr(os, "getpid", lambda: -1)

    presence.tell()
    presence.leave()

    assert not Process.objects.exists()


def test_a_process_that_is_no_worker_tells_nothing(db, monkeypatch):
    monkeypatch.setattr(presence, "_self", None)

    presence.tell()

    assert not Process.objects.exists()


def test_the_row_of_a_killed_worker_is_forgotten_after_a_day(worker):
    Process.objects.create(name="gone:1", kind="worker", seen_at=timezone.now() - timedelta(days=2))
    Process.objects.filter(name=worker).delete()

    presence.tell()

    assert set(Process.objects.values_list("name", flat=True)) == {worker}


def test_queues_are_counted_in_the_rows_of_jobs(people, worker):
    hour_ago = timezone.now() - timedelta(hours=1)
    make_job(people, created_at=hour_ago)
    make_job(people)
    make_job(people, state=State.RUNNING)
    make_job(people, state=State.SUCCEEDED)

    cpu, gpu = queue_of("cpu"), queue_of("gpu")

    assert (cpu.n_waiting, cpu.n_running, cpu.oldest_at) == (2, 1, hour_ago)
    assert 3600 <= cpu.oldest_s < 3660
    assert (gpu.n_waiting, gpu.n_running, gpu.oldest_at) == (0, 0, None)
    assert [process.name for process in cpu.workers] == [worker]


def test_a_queue_of_a_silent_worker_is_served_by_nobody(worker):
    Process.objects.update(seen_at=timezone.now() - timedelta(minutes=5))

    assert not queue_of("cpu").is_served


def test_a_queue_that_nobody_serves_is_said_with_what_to_do(people, login):
    job = make_job(people, queue="gpu")

    page = login(people.bob).get("/jobs/workers/").content.decode()
    job_page = login(people.bob).get(f"/jobs/{job.pk}/").content.decode()

    for text in (page, job_page):
        assert "No worker serves the queue gpu" in text
        assert "--queues gpu" in text


def test_a_job_that_waits_for_a_living_worker_says_nothing_of_it(people, worker, login):
    job = make_job(people)

    assert "No worker serves" not in login(people.bob).get(f"/jobs/{job.pk}/").content.decode()


def test_what_a_worker_runs_is_named_to_its_team_only(people, worker, login):
    make_job(people, state=State.RUNNING, worker=worker)

    mine = login(people.bob).get("/jobs/workers/").content.decode()
    theirs = login(people.charlie).get("/jobs/workers/").content.decode()

    assert "Score May" in mine
    assert "Score May" not in theirs
    assert "a job of another team" in theirs


def test_the_page_polls_a_fragment(people, worker, login):
    fragment = login(people.bob).get("/jobs/workers/", headers={"HX-Request": "true"})

    assert "<html" not in fragment.content.decode()


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ("kind=score", 1), ("kind=ingest&state=failed", 0), ("solution=fraud", 1),
        ("person=alice", 1), ("person=bob", 1), ("person=charlie", 0), ("kind=train", 2),
    ],
)  # fmt: skip
def test_the_list_is_narrowed(people, login, query, n):
    make_job(people)
    services.enqueue(kind="ingest", title="Check", team=people.team, user=people.bob, params={})
    services.enqueue(
        kind="train", title="Train", team=people.other_team, user=people.charlie, params={}
    )

    page = login(people.alice).get(f"/jobs/?{query}")

    assert len(page.context["page_obj"].object_list) == n
    assert dict(page.context["form"].fields["kind"].choices).keys() == {"", "ingest", "score"}


def test_a_program_narrows_by_solution(people, api):
    make_job(people)

    answer = api(people.alice).get("/api/v1/jobs/?solution=fraud&queue=cpu")

    assert [job["solution"] for job in answer.json()["results"]] == ["fraud"]
