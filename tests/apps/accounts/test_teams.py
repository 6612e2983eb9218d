"""An admin makes teams and their members; a team that owns something stays."""

import pytest

from apps.accounts import rights
from apps.accounts.models import ApiKey, Membership, Role, Team
from apps.accounts.policies import RIGHTS
from apps.accounts.services import make_key, rotate_key, user_of_key
from apps.audit.models import AuditEvent
from apps.jobs.services import enqueue


@pytest.fixture
def admin_browser(people, login):
    return login(people.admin)


@pytest.mark.parametrize(
    ("name", "slug"), [("Cards", "cards"), ("Fraud-Desk!", "fraud-desk-2"), ("検査", "team")]
)
def test_a_team_is_made(admin_browser, name, slug):
    answer = admin_browser.post("/people/teams/", {"name": name})

    team = Team.objects.get(name=name)
    assert answer.url == f"/people/teams/{team.pk}/"
    assert team.slug == slug
    assert AuditEvent.objects.get(action="team.made").thing_label == name


def test_a_name_is_used_once(admin_browser):
    answer = admin_browser.post("/people/teams/", {"name": "fraud DESK"})

    assert "There is a team of this name" in answer.content.decode()
    assert Team.objects.count() == 2


def test_a_team_is_renamed(admin_browser, people):
    admin_browser.post(f"/people/teams/{people.team.pk}/", {"name": "Cards"})

    event = AuditEvent.objects.get(action="team.renamed")
    people.team.refresh_from_db()
    assert (people.team.name, people.team.slug) == ("Cards", "fraud-desk")
    assert event.summary == {"before": {"name": "Fraud desk"}, "after": {"name": "Cards"}}


def test_a_member_comes_and_goes(admin_browser, people, login):
    address = f"/people/teams/{people.team.pk}"
    admin_browser.post(f"{address}/add/", {"person": str(people.charlie.pk)})
    assert people.charlie in people.team.users.all()

    admin_browser.post(f"{address}/remove/{people.charlie.pk}/")

    assert people.charlie not in people.team.users.all()
    actions = AuditEvent.objects.filter(action__startswith="team.member_")
    assert [(e.action, e.summary["person"]) for e in actions.order_by("sequence")] == [
        ("team.member_added", "charlie@example.org"),
        ("team.member_removed", "charlie@example.org"),
    ]


def test_who_is_in_the_team_is_not_added_twice(admin_browser, people):
    admin_browser.post(f"/people/teams/{people.team.pk}/add/", {"person": str(people.bob.pk)})

    assert Membership.objects.filter(team=people.team, user=people.bob).count() == 1


def test_a_team_that_owns_something_stays_and_says_what(admin_browser, people):
    enqueue(kind="x", title="x", team=people.team, user=None, params={})

    page = admin_browser.post(f"/people/teams/{people.team.pk}/delete/", follow=True)

    assert Team.objects.filter(pk=people.team.pk).exists()
    assert "Fraud desk owns 1 jobs" in page.content.decode()


def test_a_team_that_owns_nothing_is_deleted_with_its_keys(admin_browser, people):
    make_key(user=people.charlie, team=people.other_team, name="k", scopes=["jobs.view"], days=None)

    admin_browser.post(f"/people/teams/{people.other_team.pk}/delete/")

    assert not Team.objects.filter(pk=people.other_team.pk).exists()
    assert not ApiKey.objects.exists()
    event = AuditEvent.objects.get(action="team.deleted")
    assert event.summary == {"members": 1, "keys": 1}


def test_the_table_of_rights_is_that_of_the_program(admin_browser):
    page = admin_browser.get("/people/roles/").content.decode()

    shown = {right.action: right.roles for group in rights.table() for right in group.rights}
    assert shown == {a: tuple(r in roles for r in Role) for a, roles in RIGHTS.items()}
    assert all(action in page for action in RIGHTS)
    assert all(right.words for group in rights.table() for right in group.rights)


def test_an_admin_sees_and_revokes_keys_of_all(admin_browser, people):
    key, token = make_key(
        user=people.alice, team=people.team, name="nightly", scopes=["jobs.view"], days=30
    )
    assert "nightly" in admin_browser.get("/people/keys/?q=alice&state=usable").content.decode()
    assert "nightly" not in admin_browser.get("/people/keys/?state=ended").content.decode()

    admin_browser.post(f"/people/keys/{key.pk}/revoke/")

    assert user_of_key(token) is None
    event = AuditEvent.objects.get(action="key.revoked")
    assert (event.actor, event.summary["owner"]) == (people.admin, "alice@example.org")


def test_a_rotated_key_leaves_a_day_to_change_over(people, login):
    key, old = make_key(
        user=people.alice, team=people.team, name="nightly", scopes=["jobs.view"], days=30
    )

    answer = login(people.alice).post(f"/settings/keys/{key.pk}/rotate/")

    key.refresh_from_db()
    new = ApiKey.objects.exclude(pk=key.pk).get()
    assert user_of_key(answer.context["token"]) == user_of_key(old) == people.alice
    assert (new.name, new.scopes, new.team) == (key.name, key.scopes, key.team)
    assert round((key.expires_at - key.created_at).total_seconds() / 3600) == 24
    assert (new.expires_at - new.created_at).days in {29, 30}


def test_a_key_without_end_is_rotated_to_one_without_end(people):
    key, _ = make_key(
        user=people.alice, team=people.team, name="k", scopes=["jobs.view"], days=None
    )

    new, _ = rotate_key(key=key)

    key.refresh_from_db()
    assert new.expires_at is None
    assert key.expires_at is not None


def test_nobody_rotates_another_s_key(people, login):
    key, _ = make_key(
        user=people.alice, team=people.team, name="k", scopes=["jobs.view"], days=None
    )

    assert login(people.bob).post(f"/settings/keys/{key.pk}/rotate/").status_code == 404
