"""The table of rights, and the two ways it is asked."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from apps.accounts.models import Membership, Role
from apps.accounts.policies import RIGHTS, can, require
from apps.jobs.models import Job
from apps.jobs.services import enqueue
from ml_core.errors import NotAllowedError


@pytest.fixture
def job(people) -> Job:
    return enqueue(kind="x", title="x", team=people.team, user=None, params={})


@pytest.mark.parametrize("action", sorted(RIGHTS))
def test_nobody_may_do_nothing(action):
    assert not can(AnonymousUser(), action)


@pytest.mark.parametrize("action", sorted(RIGHTS))
def test_an_admin_may_do_everything(action, admin):
    assert can(admin, action)


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("models.promote", {Role.APPROVER, Role.ADMIN}),
        ("audit.view", {Role.AUDITOR, Role.ADMIN}),
        ("users.manage", {Role.ADMIN}),
    ],
)
def test_the_heavy_rights_are_held_by_few(action, roles):
    assert RIGHTS[action] == roles


def test_an_auditor_changes_nothing(alice):
    alice.role = Role.AUDITOR
    changing = [a for a in RIGHTS if not a.endswith(".view") and a != "settings.profile"]

    assert not [action for action in changing if can(alice, action)]


def test_an_outsider_is_told_that_there_is_no_such_thing(charlie, job):
    with pytest.raises(Http404):
        require(charlie, "jobs.view", job)


def test_a_team_mate_without_the_right_is_told_who_has_it(alice):
    with pytest.raises(NotAllowedError, match="Admin, Approver"):
        require(alice, "models.promote")


def test_an_unknown_action_is_an_error_of_ours(alice):
    with pytest.raises(KeyError):
        can(alice, "moon.land")


def test_visible_rows_are_those_of_the_own_teams(people, job):
    assert list(Job.objects.visible_to(people.bob)) == [job]
    assert list(Job.objects.visible_to(people.charlie)) == []


def test_who_is_in_two_teams_sees_each_row_once(people, job):
    Membership.objects.create(team=people.other_team, user=people.alice)

    assert list(Job.objects.visible_to(people.alice)) == [job]


def test_an_admin_of_one_team_sees_all(people):
    elsewhere = enqueue(kind="x", title="x", team=people.other_team, user=None, params={})

    assert elsewhere in Job.objects.visible_to(people.admin)
    assert can(people.admin, "jobs.cancel", elsewhere)
