"""Walking the chain on request: as a job, once at a time, with a result that stays."""

import pytest

from apps.accounts.models import Membership, Role, Team
from apps.audit.models import AuditEvent, ChainCheck
from apps.audit.services import record
from apps.audit.verification import ask
from apps.jobs import services
from apps.jobs.models import Job
from ml_core.errors import ConfigError
from tests.apps.audit.attacks import attack
from tests.people import make_person


@pytest.fixture
def auditor(people):
    return make_person("Olga", Role.AUDITOR)


def test_an_auditor_of_no_team_has_the_chain_verified(people, auditor, login, run_jobs):
    record("x.done", actor=None)
    browser = login(auditor)
    before = browser.get("/audit/").content.decode()

    waiting = browser.post("/audit/verify/", follow=True).content.decode()
    [job] = run_jobs()
    after = browser.get("/audit/chain/")

    assert "has not been verified yet" in before
    assert "Waiting for a free worker" in waiting
    assert job.state == "succeeded"
    assert after.status_code == 286
    assert "The chain is whole" in after.content.decode()
    assert "by Olga" in after.content.decode()
    event = AuditEvent.objects.get(action="audit.verified")
    assert event.actor_label == "olga@example.org"
    assert event.summary["is_whole"] is True


def test_a_broken_chain_is_shown_with_its_first_bad_link(people, auditor, login, run_jobs):
    for number in range(5):
        record("x.done", actor=None, number=number)
    first = AuditEvent.objects.order_by("sequence").first().sequence
    attack("UPDATE audit_auditevent SET action = 'y.done' WHERE sequence = %s", first + 2)
    browser = login(auditor)

    browser.post("/audit/verify/")
    run_jobs()
    page = browser.get("/audit/").content.decode()

    assert f"The chain is broken at event {first + 2}" in page
    assert AuditEvent.objects.get(action="audit.verified").summary["bad_sequence"] == first + 2
    place = browser.get(f"/audit/?after={max(0, first - 1)}")
    assert first + 2 in [line.event.sequence for line in place.context["lines"]]


def test_who_asks_twice_gets_one_walk(auditor, login):
    browser = login(auditor)

    browser.post("/audit/verify/")
    browser.post("/audit/verify/")

    assert ChainCheck.objects.count() == 1
    assert Job.objects.filter(kind="verify_audit").count() == 1


def test_a_cancelled_walk_says_nothing_of_the_chain(people, auditor, login):
    Membership.objects.create(team=people.team, user=auditor)
    check = ask(auditor)

    services.cancel(Job.objects.get(kind="verify_audit"), people.alice)

    check.refresh_from_db()
    assert check.state == "failed"
    assert "did not come to its end" in login(auditor).get("/audit/chain/").content.decode()
    assert ask(auditor) != check


def test_a_walk_that_is_done_again_after_a_crash_stands_once(auditor, run_jobs):
    check = ask(auditor)
    run_jobs()
    Job.objects.filter(kind="verify_audit").update(state="queued")

    run_jobs()

    check.refresh_from_db()
    assert check.state == "whole"
    assert AuditEvent.objects.filter(action="audit.verified").count() == 1


def test_without_a_team_it_says_what_to_do(db):
    auditor = make_person("Olga", Role.AUDITOR)
    assert not Team.objects.exists()

    with pytest.raises(ConfigError, match="must be a team"):
        ask(auditor)

    assert not ChainCheck.objects.exists()


def test_an_analyst_asks_for_nothing(people, login):
    assert login(people.alice).post("/audit/verify/").status_code == 403
