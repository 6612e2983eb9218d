"""Keys of programs: shown once, kept as a digest, narrow, and gone when revoked."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import ApiKey, Membership
from apps.accounts.services import current_team, make_key, user_of_key
from apps.audit.models import AuditEvent
from apps.jobs.models import Job
from apps.jobs.services import enqueue
from ml_core.errors import ConfigError

FORM = {"name": "nightly", "scopes": ["jobs.view"], "days": "30"}


@pytest.fixture
def token(people) -> str:
    return make_key(
        user=people.alice, team=people.team, name="nightly", scopes=["jobs.view"], days=30
    )[1]


def test_the_token_is_shown_once_and_not_kept(people, login):
    client = login(people.alice)

    shown = client.post("/settings/keys/", {**FORM, "team": people.team.id}).context["token"]
    later = client.get("/settings/keys/").content.decode()

    key = ApiKey.objects.get()
    assert shown.startswith("assay_")
    assert shown not in later
    assert shown not in str(vars(key))
    assert key.expires_at > timezone.now() + timedelta(days=29)


def test_making_and_revoking_are_audited(people, login, token):
    login(people.alice).post(f"/settings/keys/{ApiKey.objects.get().id}/revoke/")

    actions = list(AuditEvent.objects.values_list("action", flat=True).order_by("sequence"))
    assert [action for action in actions if action.startswith("key.")] == [
        "key.made",
        "key.revoked",
    ]
    assert token not in str(list(AuditEvent.objects.values()))


def test_a_key_acts_for_its_person_in_its_team(people, token):
    Membership.objects.create(team=people.other_team, user=people.alice)
    mine = enqueue(kind="x", title="Mine", team=people.team, user=None, params={})
    enqueue(kind="x", title="Elsewhere", team=people.other_team, user=None, params={})

    user = user_of_key(token)

    assert user == people.alice
    assert current_team(user) == people.team
    assert list(Job.objects.visible_to(user)) == [mine]


def test_a_key_that_ran_out_does_not_work(people, token, client):
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    answer = client.get("/api/v1/jobs/", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401
    assert "has not run out" in answer.json()["detail"]


def test_a_revoked_key_does_not_work(people, token, login, client):
    login(people.alice).post(f"/settings/keys/{ApiKey.objects.get().id}/revoke/")

    assert user_of_key(token) is None


def test_a_key_of_who_left_the_team_does_not_work(people, token):
    Membership.objects.filter(user=people.alice).delete()

    assert user_of_key(token) is None


def test_a_key_of_an_inactive_person_does_not_work(people, token):
    people.alice.is_active = False
    people.alice.save()

    assert user_of_key(token) is None


def test_a_key_cannot_do_more_than_its_person(people):
    with pytest.raises(ConfigError, match=r"models\.promote"):
        make_key(
            user=people.alice, team=people.team, name="k", scopes=["models.promote"], days=None
        )


def test_a_key_keeps_no_right_that_its_person_lost(people, token, client):
    people.alice.role = "auditor"
    people.alice.save()
    job = enqueue(kind="x", title="x", team=people.team, user=None, params={})

    answer = client.post(
        f"/api/v1/jobs/{job.id}/cancel/", headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 403


def test_nobody_revokes_another_s_key(people, token, login):
    answer = login(people.bob).post(f"/settings/keys/{ApiKey.objects.get().id}/revoke/")

    assert answer.status_code == 404
    assert ApiKey.objects.exists()


def test_the_form_offers_only_own_rights_and_teams(people, login):
    form = login(people.alice).get("/settings/keys/").context["form"]

    assert "models.promote" not in dict(form.fields["scopes"].choices)
    assert list(form.fields["team"].queryset) == [people.team]
