"""Schedules by REST."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.services import make_key
from apps.audit.models import AuditEvent
from apps.schedules.due import run_due
from apps.schedules.models import Policy, ScheduleRun
from tests.apps.schedules.making import policy_of
from tests.apps.workshop import ready_version

ADDRESS = "/api/v1/schedules/"


def asked(version, **said):
    return {
        "name": "Nightly", "dataset": str(version.dataset_id), "trigger": "clock",
        "cron": "0 2 * * *", "zone": "Europe/Berlin", "options": {"steps": 2},
    } | said  # fmt: skip


def test_a_policy_is_made_once_for_each_key(people, api):
    version, client = ready_version(people), api(people.alice)

    first = client.post(ADDRESS, asked(version), headers={"Idempotency-Key": "k"})
    again = client.post(ADDRESS, asked(version), headers={"Idempotency-Key": "k"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["metric"] == "accuracy"
    assert first.json()["next_at"] is not None
    assert client.get(ADDRESS, {"solution": "tiny"}).json()["results"][0]["name"] == "Nightly"


@pytest.mark.parametrize(
    "said",
    [
        {"cron": "nonsense"}, {"cron": "\x00"}, {"zone": "Nowhere"}, {"window": {"years": 1}},
        {"window": {"days": 0}}, {"options": {"steps": -1}}, {"metric": "beauty"},
        {"trigger": "labels"}, {"trigger": "moon"}, {"min_gain": -1}, {"budget_min": 10**9},
        {"n_labels": 2**40}, {"name": ""}, {"outcome": "shadow"}, {"dataset": "x"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_answered_as_a_problem(people, api, said):
    answer = api(people.alice).post(ADDRESS, asked(ready_version(people), **said))

    assert answer.status_code == 400 or answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert not Policy.objects.exists()


def test_another_teams_dataset_is_not_found(people, api):
    version = ready_version(people)

    assert api(people.charlie).post(ADDRESS, asked(version)).status_code == 404


def test_pause_resume_run_and_history(people, api, run_jobs):
    policy, client = policy_of(people), api(people.alice)
    one = f"{ADDRESS}{policy.pk}/"

    assert client.post(f"{one}pause/").json()["is_paused"] is True
    assert client.post(f"{one}resume/").json()["is_paused"] is False
    begun = client.post(f"{one}run/", headers={"Idempotency-Key": "k"})
    assert begun.status_code == 202
    assert client.post(f"{one}run/").status_code == 409
    run_jobs()
    again = client.post(f"{one}run/", headers={"Idempotency-Key": "k"})

    assert again.json()["id"] == begun.json()["id"]
    assert ScheduleRun.objects.count() == 1
    [run] = client.get(f"{one}runs/").json()["results"]
    assert run["state"] == "candidate"
    assert "no live model" in run["reason"]
    assert run["model"]


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        (["schedules.manage"], 403),
        (["solutions.train"], 403),
        (["schedules.manage", "solutions.train"], 202),
    ],
)
def test_a_key_that_runs_a_policy_must_be_one_that_may_train(people, client, scopes, status):
    policy = policy_of(people)
    key = make_key(user=people.alice, team=people.team, name="k", scopes=scopes, days=1)[1]

    answer = client.post(f"{ADDRESS}{policy.pk}/run/", headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == status, answer.content
    assert ScheduleRun.objects.exists() is (status == 202)


def test_approval_needs_the_right_to_promote(people, api):
    policy = policy_of(people, outcome="live")

    assert api(people.bob).post(f"{ADDRESS}{policy.pk}/approve/").status_code == 403
    assert api(people.dora).post(f"{ADDRESS}{policy.pk}/approve/").json()["approved_at"]
    other = policy_of(people)
    assert api(people.dora).post(f"{ADDRESS}{other.pk}/approve/").status_code == 409


def test_a_policy_is_changed_by_what_is_named_and_its_approval_ends(people, api):
    policy = policy_of(people, outcome="live", min_gain=0.1)
    one = f"{ADDRESS}{policy.pk}/"
    assert api(people.dora).post(f"{one}approve/").json()["approved_at"]

    changed = api(people.alice).patch(one, {"cron": "0 5 * * 7"}).json()

    assert (changed["cron"], changed["min_gain"], changed["approved_at"]) == (
        "0 5 * * 7",
        0.1,
        None,
    )
    assert api(people.alice).patch(one, {"cron": "nonsense"}).status_code in {400, 422}
    assert api(people.alice).patch(one, {"dataset": str(policy.pk)}).status_code == 404
    assert api(people.charlie).patch(one, {"name": "Mine"}).status_code == 404
    assert Policy.objects.get().cron == "0 5 * * 7"


def test_a_policy_that_never_ran_is_deleted_whole(people, api):
    policy = policy_of(people)

    assert api(people.alice).delete(f"{ADDRESS}{policy.pk}/").status_code == 204

    assert not Policy.objects.exists()
    assert api(people.alice).delete(f"/api/v1/datasets/{policy.dataset_id}/").status_code == 204


def test_a_policy_that_ran_stays_readable_and_does_nothing_more(people, api, run_jobs):
    policy, client = policy_of(people, outcome="live"), api(people.alice)
    one = f"{ADDRESS}{policy.pk}/"
    client.post(f"{one}run/")
    run_jobs()

    assert client.delete(one).status_code == 204
    assert client.delete(one).status_code == 204

    assert client.get(ADDRESS).json()["results"] == []
    assert client.get(one).json()["deleted_at"]
    assert len(client.get(f"{one}runs/").json()["results"]) == 1
    for act in ("run", "resume", "pause"):
        assert client.post(f"{one}{act}/").status_code == 409, act
    assert api(people.dora).post(f"{one}approve/").status_code == 409
    assert client.patch(one, {"name": "Again"}).status_code == 409
    assert run_due(timezone.now() + timedelta(days=30)) == []
    assert AuditEvent.objects.filter(action="schedule.deleted").count() == 1
