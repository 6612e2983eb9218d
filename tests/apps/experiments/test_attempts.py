"""What an attempt at a training leaves for the next, and what nothing is left of."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest

from apps.experiments import attempts, jobs
from apps.jobs.services import cancel
from apps.monitoring.sweep import sweep
from ml_core.errors import JobError
from tests.apps.experiments.test_training import started
from tests.apps.workshop import ready_version

STATE = "network.safetensors"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "home" / "cache" / "runs"


def test_the_second_attempt_finds_what_the_first_has_kept_and_nothing_stays(
    people, run_jobs, monkeypatch, root
):
    started(people)
    spawn, found = jobs.spawn, []

    def die_once(*given, checkpoints, **named):
        found.append([path.name for path in checkpoints.iterdir()])
        (checkpoints / STATE).write_bytes(b"state")
        assert checkpoints.stat().st_mode & 0o077 == 0
        if len(found) == 1:
            raise JobError("The child process was killed.")
        return spawn(*given, checkpoints=checkpoints, **named)

    monkeypatch.setattr(jobs, "spawn", die_once)

    ended = run_jobs()

    assert [job.state for job in ended] == ["queued", "succeeded"]
    assert found == [[], [STATE]]
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("is_permanent", [True, False])
def test_a_training_that_has_failed_for_good_keeps_nothing(
    people, run_jobs, monkeypatch, root, is_permanent
):
    started(people)

    def die(*given, checkpoints, **named):
        (checkpoints / STATE).write_bytes(b"state")
        raise JobError("Broken.", permanent=is_permanent)

    monkeypatch.setattr(jobs, "spawn", die)

    ended = run_jobs()

    assert ended[-1].state == "failed"
    assert list(root.iterdir()) == []


def test_an_attempt_that_lost_its_job_writes_where_nobody_reads(people, root):
    run = started(people)
    with attempts.folders(str(run.pk)) as first:
        (first.checkpoints / STATE).write_bytes(b"good")

        with attempts.folders(str(run.pk)) as second:
            first.checkpoints.mkdir(exist_ok=True)
            (first.checkpoints / STATE).write_bytes(b"half")
            kept = (second.checkpoints / STATE).read_bytes()

    assert kept == b"good"
    attempts.clear(str(run.pk))
    assert list(root.iterdir()) == []


def test_the_sweep_removes_what_ended_trainings_left_on_this_machine_and_no_other(people, root):
    ended, waiting = started(people), started(people, version=ready_version(people, name="Other"))
    cancel(ended.job, people.alice)
    for run in (ended, waiting):
        (root / f"{run.pk}.kept-1").mkdir(parents=True)
    (root / "something-else").mkdir()

    sweep()

    assert {path.name for path in root.iterdir()} == {f"{waiting.pk}.kept-1", "something-else"}


@pytest.mark.django_db
def test_the_sweep_spares_a_rehearsal_that_may_still_be_going_on(root):
    now, long_ago = (root / f"{uuid4()}-work" for _ in range(2))
    for folder in (now, long_ago):
        folder.mkdir(parents=True)
    os.utime(long_ago, (1e9, 1e9))

    sweep()

    assert list(root.iterdir()) == [now]
