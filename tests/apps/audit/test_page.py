"""The trail as a page, for those who answer for it."""

import pytest

from apps.accounts.models import Role
from apps.audit.services import record
from tests.people import make_person


@pytest.fixture
def auditor(people):
    return make_person("Olga", Role.AUDITOR)


def test_an_auditor_reads_and_searches(people, auditor, login):
    record("model.promoted", actor=people.dora, team=people.team, thing=people.team)
    record("dataset.received", actor=people.alice, team=people.team)

    page = login(auditor).get("/audit/?action=promoted")

    rows = page.context["page_obj"].object_list
    assert [event.action for event in rows] == ["model.promoted"]
    assert "dora@example.org" in page.content.decode()


def test_an_analyst_does_not(people, login):
    assert login(people.alice).get("/audit/").status_code == 403


def test_it_shows_that_the_chain_is_whole(auditor, login):
    record("x.done", actor=None)

    assert "The chain is whole" in login(auditor).get("/audit/chain/").content.decode()


def test_values_are_shown_as_text(people, auditor, login):
    record("x.done", actor=None, note="<script>alert(1)</script>")

    assert "<script>alert" not in login(auditor).get("/audit/").content.decode()
