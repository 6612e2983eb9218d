"""The side bar offers pages that exist, to people who may open them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from apps.web import navigation
from apps.web.navigation import Entry, sections_for


def titles(user) -> set[str]:
    return {entry.title for section in sections_for(user) for entry in section.entries}


@pytest.mark.django_db
def test_an_analyst_sees_work_but_not_the_audit_trail(alice):
    assert "Jobs" in titles(alice)
    assert "Audit" not in titles(alice)


@pytest.mark.django_db
def test_an_admin_sees_the_audit_trail_and_the_people(admin, alice):
    assert {"Audit", "People"} <= titles(admin)
    assert "People" not in titles(alice)


def test_a_stranger_sees_only_what_needs_no_right():
    assert "Jobs" not in titles(AnonymousUser())


@pytest.mark.django_db
def test_a_page_that_does_not_exist_is_not_offered(admin, monkeypatch):
    ghost = navigation.Section("", (Entry("Ghost", "/ghost/", icon="ghost"),))
    monkeypatch.setattr(navigation, "SECTIONS", (*navigation.SECTIONS, ghost))

    assert "Ghost" not in titles(admin)


@pytest.mark.parametrize(
    ("path", "asked", "is_current"),
    [
        ("/", "/", True),
        ("/", "/jobs/", False),
        ("/jobs/", "/jobs/123/", True),
        ("/jobs/", "/", False),
    ],
)
def test_the_page_being_shown_is_marked(path, asked, is_current):
    assert Entry("x", path, icon="x").is_current(asked) is is_current


@pytest.mark.django_db
def test_the_current_page_is_told_to_screen_readers(login, alice):
    html = login(alice).get("/").content.decode()

    assert html.count('aria-current="page"') == 1
