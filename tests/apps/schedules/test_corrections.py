"""Corrections of answers are labels once a version holds them, and are counted once."""

from __future__ import annotations

import uuid

from django.utils import timezone

from apps.answers.gathering import gather
from apps.answers.models import Answer
from apps.schedules.due import run_due
from tests.apps.schedules.making import policy_of
from tests.apps.workshop import payments, trained_model

WORDS = "of answers are in no dataset yet"


def correct(people, model, n_rows: int, seed: int) -> None:
    """Let people say of as many answers what is so."""
    for row in payments(n_rows, seed=seed).drop("row").iter_rows(named=True):
        bad = row.pop("is_bad")
        Answer.objects.create(
            team=people.team, created_by=people.alice, solution="tiny", model=model,
            inputs={name: str(value) for name, value in row.items()}, output={"label": "bad"},
            seconds=0.1, token=uuid.uuid4().hex, correction="bad" if bad else "good",
            label=str(bad), corrected_by=people.alice, corrected_at=timezone.now(),
        )  # fmt: skip


def gathered(people, run_jobs):
    version = gather(user=people.alice, team=people.team, solution="tiny")
    run_jobs()
    version.refresh_from_db()
    assert version.state == "ready"
    return version


def test_corrections_count_once_and_only_when_a_version_holds_them(
    people, tmp_path, run_jobs, login
):
    model = trained_model(people, tmp_path)
    correct(people, model, 30, seed=1)
    policy = policy_of(people, gathered(people, run_jobs), trigger="labels", n_labels=6)
    client = login(people.alice)
    assert WORDS not in client.get(policy.get_absolute_url()).content.decode()

    correct(people, model, 6, seed=2)

    assert run_due() == []
    policy.refresh_from_db()
    assert policy.n_new_labels == 0
    page = client.get(policy.get_absolute_url()).content.decode()
    assert f"6 corrections {WORDS}" in page
    assert "/answers/?solution=tiny" in page

    newest = gathered(people, run_jobs)
    [run] = run_due()
    assert (run.why, run.version) == ("6 new labels, 6 were asked for", newest)
    assert WORDS not in client.get(policy.get_absolute_url()).content.decode()
    run_jobs()
    run.refresh_from_db()
    assert run.state == "candidate", run.reason
    assert run_due() == []
    policy.refresh_from_db()
    assert (policy.base_version, policy.n_new_labels) == (newest, 0)


def test_what_another_team_has_said_is_not_told(people, tmp_path, login):
    policy = policy_of(people, trigger="labels", n_labels=6)
    correct(people, trained_model(people, tmp_path), 1, seed=1)
    run_due()
    client = login(people.alice)
    page = client.get(policy.get_absolute_url()).content.decode()
    assert "1 correction of answers is in no dataset yet" in page

    Answer.objects.update(team=people.other_team)

    assert "in no dataset yet" not in client.get(policy.get_absolute_url()).content.decode()
