"""A worker that is idle for long beside waiting work has lost its hearing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.jobs import deafness, presence
from apps.jobs.models import Job, State


@pytest.fixture
def clock(monkeypatch, db):
    monkeypatch.setattr(presence, "_self", None)
    presence.begin("worker", ["cpu"])
    presence.tell()
    now = [0.0]
    monkeypatch.setattr(deafness.time, "monotonic", lambda: now[0])
    return now


def waiting(people, queue="cpu", age_s=300):
    return Job.objects.create(
        kind="k", title="t", team=people.team, queue=queue,
        created_at=timezone.now() - timedelta(seconds=age_s),
    )  # fmt: skip


def told(hearing, clock):
    """Ask twice, more than a minute apart."""
    first = hearing.is_lost()
    clock[0] += 61
    return first, hearing.is_lost()


def test_it_is_deaf_if_work_waits_and_nothing_is_done(clock, people):
    waiting(people)

    assert told(deafness.Hearing(), clock) == (False, True)


@pytest.mark.parametrize("more", [{"queue": "gpu"}, {"age_s": 10}])
def test_work_of_others_and_new_work_say_nothing(clock, people, more):
    waiting(people, **more)

    assert told(deafness.Hearing(), clock) == (False, False)


def test_a_busy_worker_is_not_deaf(clock, people):
    waiting(people)
    name = presence.own_row().pool[0]
    Job.objects.create(kind="k", title="t", team=people.team, state=State.RUNNING, worker=name)

    assert told(deafness.Hearing(), clock) == (False, False)


def test_one_that_did_something_between_is_not_deaf(clock, people):
    hearing, job = deafness.Hearing(), waiting(people)

    assert not hearing.is_lost()
    clock[0] += 40
    Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED)
    assert not hearing.is_lost()
    waiting(people)
    clock[0] += 40
    assert not hearing.is_lost()


def test_a_process_that_is_no_worker_is_never_deaf(monkeypatch, people):
    monkeypatch.setattr(presence, "_self", None)
    waiting(people)

    assert not deafness.Hearing().is_lost()
