"""Each address with each role and each kind of key; and the test of rights is tested itself."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import path
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from apps.accounts.models import Role
from apps.accounts.policies import RIGHTS, SCOPES, allowed
from apps.accounts.services import make_key
from tests.apps import test_rights as rights
from tests.apps.test_rights import GUARDED, PERSONAL, Address, _name, _url, _walk
from tests.apps.test_rights import tiny_solution as tiny_solution  # noqa: PLC0414  a fixture

PAGES = [address for address in GUARDED if address.api_view is None]
METHODS = [
    pytest.param(address, method, action, id=f"{method} {address.name}")
    for address in GUARDED
    if address.api_view is not None
    for method, action in rights.methods_of(address)
]


def may(role: Role, action: str) -> bool:
    return role in RIGHTS[action]


@pytest.mark.parametrize("address", PAGES, ids=_name)
def test_a_page_is_open_to_the_roles_that_have_its_right_and_to_no_other(address, people, login):
    """As a member of the team; whose the thing is, is asked in the test of rights."""
    person = (
        people.alice if any(address.key_of(p) in PERSONAL for p in address.keys) else people.bob
    )
    url = _url(address, people)
    found = {}
    for role in Role:
        person.role = role
        person.save()
        client = login(person)
        client.raise_request_exception = False  # the tiny solution has no sample
        status = client.get(url).status_code
        found[role] = client.post(url).status_code if status == 405 else status

    refused = {role for role, status in found.items() if status == 403}
    assert refused == {role for role in Role if not may(role, address.action)}, found


@pytest.mark.parametrize(("address", "method", "action"), METHODS)
def test_a_method_is_open_to_the_roles_that_have_its_right_and_to_no_other(
    address, method, action, people
):
    url = _url(address, people)
    found = {}
    for role in Role:
        people.bob.role = role
        people.bob.save()
        client = APIClient()
        client.force_authenticate(people.bob)
        found[role] = getattr(client, method.lower())(url).status_code

    refused = {role for role, status in found.items() if status == 403}
    assert refused == {role for role in Role if not may(role, action)}, found


@pytest.mark.parametrize(("address", "method", "action"), METHODS)
def test_a_key_needs_the_scope_however_great_its_owner(address, method, action, people):
    url = _url(address, people)
    others = [scope for scope in SCOPES if scope != action]
    also = getattr(address.api_view, "also_needed", {}).values()

    def ask(*scopes: str) -> int:
        key = make_key(user=people.admin, team=people.team, name="k", scopes=scopes, days=1)[1]
        client = APIClient(headers={"Authorization": f"Bearer {key}"})
        return getattr(client, method.lower())(url).status_code

    assert ask(*others) == 403
    assert ask(action, *also) != 403


@pytest.mark.parametrize(("address", "method", "action"), METHODS)
def test_a_key_of_another_team_finds_nothing(address, method, action, people):
    """Even one of an admin, who sees every team when he comes himself."""
    if not any(address.key_of(part) not in rights.OPEN for part in address.keys):
        pytest.skip("nothing of anybody")
    people.charlie.role = Role.ADMIN
    people.charlie.save()
    key = make_key(user=people.charlie, team=people.other_team, name="k", scopes=SCOPES, days=1)[1]
    client = APIClient(headers={"Authorization": f"Bearer {key}"})

    assert getattr(client, method.lower())(_url(address, people)).status_code == 404


def test_what_a_schedule_trains_needs_the_right_to_train(people):
    """Some actions need a second right, which no other scope stands for."""
    address = next(a for a in GUARDED if a.name == "api:schedule-run")
    scopes = ["schedules.view", "schedules.manage"]
    key = make_key(user=people.admin, team=people.team, name="k", scopes=scopes, days=1)[1]
    client = APIClient(headers={"Authorization": f"Bearer {key}"})

    answer = client.post(_url(address, people))

    assert answer.status_code == 403
    assert "solutions.train" in answer.json()["detail"]


# --- the test of the test ------------------------------------------------------------------
class Bare(APIView):
    def get(self, request):
        return Response({})


class HalfBare(Bare):
    actions_needed = {"POST": "jobs.view"}  # noqa: RUF012

    def post(self, request):
        return Response({})


def address_of(view, route: str = "new/") -> Address:
    [found] = _walk([path(route, view, name="new")])
    return found


@pytest.mark.parametrize(
    "view",
    [lambda request: HttpResponse(), Bare.as_view(), HalfBare.as_view()],
    ids=["page", "api", "one method"],
)
def test_a_new_address_without_a_right_is_found(view):
    with pytest.raises(AssertionError):
        rights.test_it_declares_the_right_it_needs(address_of(view))


def test_a_new_address_of_a_thing_that_nobody_can_make_is_found(people):
    view = allowed("jobs.view")(lambda request, thing: HttpResponse())

    with pytest.raises(AssertionError, match="has no case"):
        _url(address_of(view, "new/<uuid:thing>/"), people)


def test_a_view_that_forgets_whose_a_thing_is_is_found(people, login, monkeypatch):
    """The test that outsiders find nothing fails for a view that shows what it should not."""
    monkeypatch.setattr(rights, "_status", lambda client, url: 200)
    address = next(a for a in rights.OWNED if a.name == "jobs:detail")

    with pytest.raises(AssertionError):
        rights.test_an_outsider_finds_nothing(address, people, login)


def test_every_role_is_in_the_table():
    assert set().union(*RIGHTS.values()) == set(Role)
    assert len(Role) == 6
