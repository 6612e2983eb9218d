"""A second factor: set up, asked for at the login, secret kept encrypted."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.cache import cache
from django.urls import reverse

from tests.people import PASSWORD

LOGIN = "/accounts/login/"


def code_for(secret: str) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


@pytest.fixture
def with_factor(people, client) -> str:
    """Set up a second factor for Alice as she would; returns the secret."""
    client.post(LOGIN, {"login": people.alice.email, "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    client.post(reverse("mfa_activate_totp"), {"code": code_for(secret)})
    client.post(reverse("account_logout"))
    return secret


def test_the_secret_is_kept_encrypted(with_factor):
    kept = Authenticator.objects.get(type="totp").data["secret"]

    assert with_factor not in kept


def test_the_login_asks_for_the_code(with_factor, people, client):
    answer = client.post(LOGIN, {"login": people.alice.email, "password": PASSWORD})

    assert answer["Location"].startswith(reverse("mfa_authenticate"))
    assert "_auth_user_id" not in client.session


def test_the_code_lets_in(with_factor, people, client):
    client.post(LOGIN, {"login": people.alice.email, "password": PASSWORD})
    cache.clear()  # a code works once, and the one of the set-up is spent

    client.post(reverse("mfa_authenticate"), {"code": code_for(with_factor)})

    assert client.session["_auth_user_id"] == str(people.alice.pk)


def test_a_code_works_once(with_factor, people, client):
    code = code_for(with_factor)
    client.post(LOGIN, {"login": people.alice.email, "password": PASSWORD})
    cache.clear()
    client.post(reverse("mfa_authenticate"), {"code": code})
    client.post(reverse("account_logout"))
    client.post(LOGIN, {"login": people.alice.email, "password": PASSWORD})

    client.post(reverse("mfa_authenticate"), {"code": code})

    assert "_auth_user_id" not in client.session


def test_a_wrong_code_does_not(with_factor, people, client):
    client.post(LOGIN, {"login": people.alice.email, "password": PASSWORD})

    client.post(reverse("mfa_authenticate"), {"code": "000000"})

    assert "_auth_user_id" not in client.session
