"""An admin invites, changes and locks out people; each change is on the record."""

import pytest
from allauth.mfa.models import Authenticator
from django.urls import get_resolver, reverse

from apps.accounts import people as service
from apps.accounts.models import Role, User
from apps.accounts.people import About
from apps.accounts.services import make_key, user_of_key
from apps.audit.models import AuditEvent
from ml_core.errors import NotAllowedError
from tests.people import PASSWORD, make_person

NEW_PASSWORD = "a fine long passphrase"


def invite(client, team, **changed):
    form = {"email": "Erin@example.org", "first_name": "Erin", "role": "engineer",
            "teams": [str(team.pk)], **changed}  # fmt: skip
    return client.post("/people/new/", form)


def save(client, person, **changed):
    form = {"first_name": person.first_name, "last_name": "", "role": person.role,
            "teams": [str(team.pk) for team in person.teams.all()], **changed}  # fmt: skip
    return client.post(f"/people/{person.pk}/", form)


def act(client, person, deed):
    return client.post(f"/people/{person.pk}/{deed}/", follow=True)


def set_password(client, link):
    page = client.get(link, follow=True)
    address = page.redirect_chain[-1][0] if page.redirect_chain else link
    form = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    return client.post(address, form)


def last_event(action):
    return AuditEvent.objects.filter(action=action).order_by("-sequence").first()


def test_an_invited_person_sets_a_password_and_logs_in(people, login, client):
    answer = invite(login(people.admin), people.team)
    link = answer.context["link"]

    done = set_password(client, link)
    entered = client.post(
        "/accounts/login/", {"login": "erin@example.org", "password": NEW_PASSWORD}
    )

    erin = User.objects.get(email="erin@example.org")
    assert done.url == "/accounts/login/"
    assert entered.url == "/"
    assert (erin.role, erin.is_staff, list(erin.teams.all())) == ("engineer", False, [people.team])
    event = last_event("user.invited")
    assert (event.actor, event.thing_id) == (people.admin, str(erin.pk))
    assert event.summary["after"] == {
        "first_name": "Erin", "last_name": "", "role": "engineer", "teams": ["Fraud desk"],
    }  # fmt: skip
    assert last_event("user.password_set").actor == erin


def test_the_link_is_shown_once_and_works_once(people, login, client):
    admin = login(people.admin)
    link = invite(admin, people.team).context["link"]
    erin = User.objects.get(email="erin@example.org")

    later = admin.get(f"/people/{erin.pk}/").content.decode()
    set_password(client, link)
    again = client.get(link, follow=True)

    assert link not in later
    assert "This link has ended" in again.content.decode()
    assert link.rstrip("/").rpartition("/")[2] not in str(list(AuditEvent.objects.values()))


def test_a_link_does_not_reach_the_log(people, login, client, caplog):
    link = invite(login(people.admin), people.team).context["link"]

    with caplog.at_level("INFO"):
        client.get(link)

    assert "/accounts/welcome/" in caplog.text
    assert link.rstrip("/").rpartition("/")[2] not in caplog.text


def test_an_invited_person_has_no_password_before(people, login, client):
    invite(login(people.admin), people.team)

    client.post("/accounts/login/", {"login": "erin@example.org", "password": ""})

    assert "_auth_user_id" not in client.session


def test_an_address_is_used_once(people, login):
    answer = invite(login(people.admin), people.team, email="ALICE@example.org")

    assert "There is a person with this address" in answer.content.decode()


def test_changes_are_told_with_before_and_after(people, login):
    save(login(people.admin), people.alice, role="approver", last_name="Smith", teams=[])

    people.alice.refresh_from_db()
    event = last_event("user.changed")
    assert (people.alice.role, people.alice.last_name) == ("approver", "Smith")
    assert event.summary["before"] == {"last_name": "", "role": "analyst", "teams": ["Fraud desk"]}
    assert event.summary["after"] == {"last_name": "Smith", "role": "approver", "teams": []}


def test_nothing_changed_is_no_event(people, login):
    save(login(people.admin), people.alice)

    assert last_event("user.changed") is None


def test_nobody_changes_the_own_role(people, login):
    make_person("Zoe", Role.ADMIN)

    answer = save(login(people.admin), people.admin, role="analyst")

    people.admin.refresh_from_db()
    assert people.admin.role == "admin"
    assert "Another admin must change the role of you" in answer.content.decode()


def test_the_own_name_can_be_changed(people, login):
    save(login(people.admin), people.admin, first_name="Adah")

    people.admin.refresh_from_db()
    assert people.admin.first_name == "Adah"


@pytest.mark.parametrize("deed", ["demote", "deactivate"])
def test_the_last_active_admin_stays(people, deed):
    zoe = make_person("Zoe", Role.ADMIN)
    User.objects.filter(pk=zoe.pk).update(is_active=False)  # she asked just before she was out

    act = {
        "demote": lambda: service.change(
            person_id=people.admin.pk, about=About("Ada", "", "analyst"), by=zoe
        ),
        "deactivate": lambda: service.deactivate(person_id=people.admin.pk, by=zoe),
    }[deed]

    with pytest.raises(NotAllowedError, match="the last one"):
        act()

    people.admin.refresh_from_db()
    assert (people.admin.role, people.admin.is_active) == ("admin", True)


def test_an_admin_who_is_not_the_last_can_be_demoted(people, login):
    zoe = make_person("Zoe", Role.ADMIN)

    save(login(people.admin), zoe, role="analyst")

    zoe.refresh_from_db()
    assert (zoe.role, zoe.is_staff) == ("analyst", False)


def test_a_deactivated_person_is_out_at_once(people, login, client):
    token = make_key(
        user=people.alice, team=people.team, name="k", scopes=["jobs.view"], days=None
    )[1]
    browser = login(people.alice)
    assert browser.get("/").status_code == 200

    act(login(people.admin), people.alice, "deactivate")

    assert browser.get("/").status_code == 302
    assert user_of_key(token) is None
    answer = client.get("/api/v1/jobs/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    event = last_event("user.deactivated")
    assert (event.summary["before"], event.summary["after"]) == (
        {"active": True},
        {"active": False},
    )


def test_sessions_of_before_do_not_come_back_with_the_person(people, login):
    browser, admin = login(people.alice), login(people.admin)

    act(admin, people.alice, "deactivate")
    act(admin, people.alice, "reactivate")

    people.alice.refresh_from_db()
    assert people.alice.is_active
    assert browser.get("/").status_code == 302


def test_nobody_deactivates_oneself(people, login):
    make_person("Zoe", Role.ADMIN)

    page = act(login(people.admin), people.admin, "deactivate").content.decode()

    people.admin.refresh_from_db()
    assert people.admin.is_active
    assert "Another admin must deactivate you" in page


def test_a_reset_password_ends_the_old_one_and_sessions(people, login, client):
    browser = login(people.alice)

    answer = act(login(people.admin), people.alice, "password")
    client.post("/accounts/login/", {"login": people.alice.email, "password": PASSWORD})

    assert "_auth_user_id" not in client.session
    assert browser.get("/").status_code == 302
    set_password(client, answer.context["link"])
    entered = client.post(
        "/accounts/login/", {"login": people.alice.email, "password": NEW_PASSWORD}
    )
    assert entered.url == "/"


def test_a_newer_link_replaces_the_older(people, login, client):
    admin = login(people.admin)
    old = act(admin, people.alice, "password").context["link"]

    act(admin, people.alice, "password")

    assert "This link has ended" in client.get(old, follow=True).content.decode()


def test_the_link_of_who_was_deactivated_does_not_work(people, login, client):
    admin = login(people.admin)
    link = act(admin, people.alice, "password").context["link"]

    act(admin, people.alice, "deactivate")

    assert "This link has ended" in client.get(link, follow=True).content.decode()


def test_a_reset_lifts_the_lock_after_wrong_passwords(people, login, client):
    for _ in range(6):
        wrong = client.post("/accounts/login/", {"login": people.alice.email, "password": "no"})
    assert wrong.status_code == 429

    link = act(login(people.admin), people.alice, "password").context["link"]
    set_password(client, link)

    entered = client.post(
        "/accounts/login/", {"login": people.alice.email, "password": NEW_PASSWORD}
    )
    assert entered.status_code == 302


def test_a_second_factor_is_shown_and_reset(people, login):
    Authenticator.objects.create(user=people.alice, type="totp", data={"secret": "x"})
    Authenticator.objects.create(user=people.alice, type="recovery_codes", data={"seed": "x"})
    browser, admin = login(people.alice), login(people.admin)
    assert admin.get("/people/?q=alice").context["page_obj"][0].has_second_factor

    act(admin, people.alice, "second-factor")

    assert not Authenticator.objects.filter(user=people.alice).exists()
    assert browser.get("/").status_code == 302
    assert last_event("user.second_factor_reset").summary == {"removed": 2}


def test_sessions_are_ended(people, login):
    browser = login(people.alice)

    act(login(people.admin), people.alice, "sessions")

    assert browser.get("/").status_code == 302
    people.alice.refresh_from_db()
    assert login(people.alice).get("/").status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 5),
        ("q=ALI", 1),
        ("role=analyst", 3),
        ("state=inactive", 0),
        ("q=ali&role=admin", 0),
        ("role=nonsense", 5),
    ],
)
def test_the_list_is_searched(people, login, query, found):
    page = login(people.admin).get(f"/people/?{query}").context["page_obj"]

    assert len(page.object_list) == found


def test_the_list_asks_as_much_for_many_as_for_few(people, login, django_assert_max_num_queries):
    for number in range(30):
        make_person(f"Person{number}", Role.ANALYST, people.team)
    admin = login(people.admin)

    with django_assert_max_num_queries(12):
        admin.get("/people/")


ADDRESSES = [
    pattern.name for entry in get_resolver().url_patterns
    if getattr(entry, "namespace", None) == "people" for pattern in entry.url_patterns
]  # fmt: skip


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
@pytest.mark.parametrize("name", ADDRESSES)
def test_only_an_admin_comes_in(people, login, name, role):
    User.objects.filter(pk=people.bob.pk).update(role=role)
    people.bob.refresh_from_db()
    things = {"person_id": people.alice.pk, "team_id": people.team.pk, "key_id": people.team.pk}
    pattern = next(p for e in get_resolver().url_patterns
                   if getattr(e, "namespace", None) == "people"
                   for p in e.url_patterns if p.name == name)  # fmt: skip
    keys = {key: things[key] for key in pattern.pattern.converters}
    url, browser = reverse(f"people:{name}", kwargs=keys), login(people.bob)

    statuses = {browser.get(url).status_code, browser.post(url).status_code}

    assert statuses <= {403, 405}
    assert 403 in statuses
