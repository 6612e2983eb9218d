"""Logging in: by mail address, throttled, with a second factor if set."""

import pytest
from django.urls import reverse

from apps.audit.models import AuditEvent
from tests.people import PASSWORD

LOGIN = "/accounts/login/"


def attempt(client, person, password=PASSWORD, **headers):
    return client.post(LOGIN, {"login": person.email, "password": password}, headers=headers)


def test_it_asks_nothing_of_the_database(client, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = client.get(LOGIN)

    assert page.status_code == 200


def test_it_logs_in_and_goes_on(people, client):
    answer = client.post(
        f"{LOGIN}?next=/jobs/", {"login": "Alice@Example.org", "password": PASSWORD}
    )

    assert answer.status_code == 302
    assert answer["Location"] == "/jobs/"
    assert AuditEvent.objects.filter(action="user.logged_in", actor=people.alice).exists()


def test_it_does_not_go_to_another_site(people, client):
    answer = client.post(
        LOGIN, {"login": people.alice.email, "password": PASSWORD, "next": "https://evil.example/"}
    )

    assert answer["Location"] == "/"


def test_a_wrong_password_is_told_and_kept(people, client):
    answer = attempt(client, people.alice, "wrong")

    assert answer.status_code == 200
    assert "not correct" in answer.content.decode()
    assert AuditEvent.objects.get(action="user.login_failed").summary == {
        "tried": people.alice.email
    }


def test_an_unknown_address_gets_the_same_answer(people, client):
    known = attempt(client, people.alice, "wrong").content.decode()
    unknown = client.post(LOGIN, {"login": "x@example.org", "password": "wrong"}).content.decode()

    assert "not correct" in known
    assert "not correct" in unknown


def test_guessing_is_locked_out(people, client):
    for _ in range(5):
        attempt(client, people.alice, "wrong")

    answer = attempt(client, people.alice)

    assert answer.status_code == 429
    assert "Too many wrong passwords" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_lock_out_is_a_problem_for_programs(people, client):
    for _ in range(6):
        answer = attempt(client, people.alice, "wrong", accept="application/json")

    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"


def test_others_may_log_in_meanwhile(people, client):
    for _ in range(6):
        attempt(client, people.alice, "wrong")

    assert attempt(client, people.bob).status_code == 302


def test_nobody_signs_up(client, db):
    assert client.get("/accounts/signup/").status_code == 404


def test_logging_out_needs_a_post(people, login):
    client = login(people.alice)

    client.get(reverse("account_logout"))
    still = "_auth_user_id" in client.session
    client.post(reverse("account_logout"))

    assert still
    assert "_auth_user_id" not in client.session


def test_a_weak_new_password_is_refused(people, login):
    client = login(people.alice)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})

    page = client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": "password", "password2": "password"},
    )

    assert page.status_code == 200
    assert "too short" in page.content.decode()


@pytest.mark.parametrize(
    "name", ["account_change_password", "mfa_index", "account_logout", "account_reauthenticate"]
)
def test_pages_of_the_account_open(name, people, login):
    page = login(people.alice).get(reverse(name))

    assert page.status_code == 200
    assert "<script>" not in page.content.decode()


def test_the_page_has_no_inline_script(client, db):
    page = client.get(LOGIN)

    policy = page["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy.split("style-src-attr")[0]
    assert page["X-Frame-Options"] == "DENY"
