"""An admin makes accounts and teams, and each change is on the record."""

import pytest

from apps.accounts.models import Role, Team, User
from apps.audit.models import AuditEvent

NO_TEAMS = {
    "memberships-TOTAL_FORMS": "0",
    "memberships-INITIAL_FORMS": "0",
    "memberships-MIN_NUM_FORMS": "0",
    "memberships-MAX_NUM_FORMS": "1000",
}
PASSWORD = "a fine long passphrase"


def put_in_team(browser, user: User, team: Team, **changed):
    form = {
        "email": user.email, "role": user.role, "is_active": "on", "timezone": "UTC",
        "theme": "auto", **NO_TEAMS, "memberships-TOTAL_FORMS": "1",
        "memberships-0-team": str(team.pk), "memberships-0-user": str(user.pk), **changed,
    }  # fmt: skip
    return browser.post(f"/admin/accounts/user/{user.pk}/change/", form)


def test_a_new_person_can_log_in_with_the_role(people, login, client):
    form = {
        "email": "Erin@example.org", "role": Role.ENGINEER, "usable_password": "true",
        "password1": PASSWORD, "password2": PASSWORD, **NO_TEAMS,
    }  # fmt: skip

    made = login(people.admin).post("/admin/accounts/user/add/", form)
    entered = client.post("/accounts/login/", {"login": "erin@example.org", "password": PASSWORD})

    erin = User.objects.get(email="erin@example.org")
    assert made.status_code == 302
    assert (erin.role, erin.is_staff) == (Role.ENGINEER, False)
    assert entered.url == "/"
    event = AuditEvent.objects.get(action="admin.added")
    assert (event.actor, event.thing_id) == (people.admin, str(erin.pk))
    assert event.summary["role"] == "engineer"


def test_a_person_is_put_into_a_team_with_another_role(people, login):
    user = User.objects.create_user("erin@example.org", PASSWORD)

    answer = put_in_team(login(people.admin), user, people.team, role=Role.APPROVER)

    user.refresh_from_db()
    event = AuditEvent.objects.get(action="admin.changed")
    assert answer.status_code == 302
    assert list(user.teams.all()) == [people.team]
    assert (event.thing_id, event.summary["role"]) == (str(user.pk), "approver")


def test_a_team_is_made(people, login):
    login(people.admin).post("/admin/accounts/team/add/", {"name": "Cards", "slug": "cards"})

    assert Team.objects.filter(slug="cards").exists()


def test_nobody_is_deleted(people, login):
    answer = login(people.admin).post(f"/admin/accounts/user/{people.bob.pk}/delete/", {"post": 1})

    assert answer.status_code == 403
    assert User.objects.filter(pk=people.bob.pk).exists()


@pytest.mark.parametrize("who", ["alice", "dora", "charlie"])
def test_only_an_admin_comes_in(people, login, who):
    answer = login(getattr(people, who)).get("/admin/accounts/user/")

    assert answer.status_code in {302, 403}
