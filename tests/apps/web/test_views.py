"""The shell's own views: the sign of life, the theme, and the headers of every page."""

from __future__ import annotations

import re

import pytest
from django.db import OperationalError

pytestmark = pytest.mark.django_db


def test_the_sign_of_life_needs_no_login_and_one_query(client, django_assert_num_queries):
    with django_assert_num_queries(1):
        response = client.get("/healthz")

    assert response.json() == {"status": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_the_sign_of_life_says_when_the_database_is_gone(client, monkeypatch):
    def gone(*_args, **_kwargs):
        raise OperationalError("password=secret")

    monkeypatch.setattr("apps.web.views.connection.cursor", gone)

    response = client.get("/healthz")

    assert response.status_code == 503
    assert "secret" not in response.content.decode()


def test_a_stranger_is_sent_to_the_login(client):
    response = client.get("/")

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/no-such-page/"])
def test_every_page_carries_a_policy_without_inline_scripts(login, client, alice, path):
    browser = client if "login" in path else login(alice)

    policy = browser.get(path)["Content-Security-Policy"]

    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["script-src"] == "'self'"
    assert directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"


def test_a_page_brings_the_token_and_a_way_past_the_menu(login, alice):
    html = login(alice).get("/").content.decode()

    assert re.search(r'<meta name="csrf-token" content="\w{32,}">', html)
    assert '<a class="skip-link" href="#content">' in html
    assert 'id="content"' in html


@pytest.mark.parametrize(
    ("theme", "drawn"), [("dark", "dark"), ("light", "light"), ("auto", "light")]
)
def test_the_theme_is_drawn_by_the_server(login, alice, theme, drawn):
    alice.theme = theme
    alice.save()

    html = login(alice).get("/").content.decode()

    assert f'data-theme-choice="{theme}"' in html
    assert f'data-bs-theme="{drawn}"' in html


def test_the_theme_is_kept(login, alice):
    response = login(alice).post("/theme/", {"theme": "dark", "next": "/jobs/"})

    alice.refresh_from_db()
    assert alice.theme == "dark"
    assert response["Location"] == "/jobs/"


def test_the_theme_sends_nobody_to_another_site(login, alice):
    response = login(alice).post("/theme/", {"theme": "dark", "next": "https://evil.example/"})

    assert response["Location"] == "/"


def test_a_theme_that_does_not_exist_is_refused(login, alice):
    response = login(alice).post("/theme/", {"theme": "neon"})

    alice.refresh_from_db()
    assert response.status_code == 400
    assert alice.theme == "auto"


def test_the_style_guide_is_not_for_the_public(login, alice, settings):
    assert settings.DEBUG is False
    assert login(alice).get("/styleguide/").status_code == 404
