"""Who has access, by REST: for reviews, and for reading alone."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Role
from apps.accounts.services import make_key
from tests.people import make_person

PEOPLE, TEAMS, KEYS = "/api/v1/people/", "/api/v1/teams/", "/api/v1/keys/"


@pytest.fixture
def auditor(people):
    return make_person("Aude", Role.AUDITOR, people.team)


def with_key(person, team, *scopes):
    token = make_key(user=person, team=team, name="review", scopes=scopes, days=1)[1]
    return APIClient(headers={"Authorization": f"Bearer {token}"}), token


def test_an_auditor_sees_everybody_with_role_and_teams(people, auditor, api):
    found = {one["email"]: one for one in api(auditor).get(PEOPLE).json()["results"]}

    assert found[people.alice.email]["role"] == people.alice.role
    assert [team["name"] for team in found[people.alice.email]["teams"]] == [people.team.name]
    assert people.charlie.email in found
    assert not {"password", "session_epoch"} & set(found[people.alice.email])
    admins = api(auditor).get(PEOPLE, {"role": "admin"}).json()["results"]
    assert {one["role"] for one in admins} == {"admin"}


def test_a_key_sees_its_own_team_alone(people, auditor):
    people.alice.memberships.create(team=people.other_team)
    client, _ = with_key(auditor, people.team, "access.view")

    found = {one["email"]: one for one in client.get(PEOPLE).json()["results"]}

    assert people.charlie.email not in found
    assert [team["name"] for team in found[people.alice.email]["teams"]] == [people.team.name]
    assert [team["id"] for team in client.get(TEAMS).json()["results"]] == [str(people.team.id)]
    assert client.get(f"{TEAMS}{people.other_team.id}/").status_code == 404
    assert client.get(f"{PEOPLE}{people.charlie.id}/").status_code == 404


def test_keys_are_shown_without_what_opens_the_door(people, auditor):
    client, token = with_key(auditor, people.team, "access.view")
    make_key(user=people.charlie, team=people.other_team, name="o", scopes=["jobs.view"], days=1)

    answer = client.get(KEYS)

    [one] = answer.json()["results"]
    assert (one["user"], one["scopes"]) == (str(auditor.id), ["access.view"])
    assert token not in answer.content.decode()
    assert "digest" not in one


def test_nobody_changes_access_by_a_program(people, api):
    admin = api(people.admin)

    assert admin.post(PEOPLE, {"email": "eve@example.org", "role": "admin"}).status_code == 405
    assert admin.patch(f"{PEOPLE}{people.alice.id}/", {"role": "admin"}).status_code == 405
    assert admin.delete(f"{PEOPLE}{people.alice.id}/").status_code == 405
    assert admin.post(KEYS, {"name": "k", "scopes": ["jobs.view"]}).status_code == 405


def test_a_page_of_people_asks_the_database_as_often_for_many_as_for_few(
    people, auditor, api, django_assert_max_num_queries
):
    for index in range(20):
        make_person(f"Person {index}", Role.ANALYST, people.team)

    for address in (PEOPLE, TEAMS, KEYS):
        with django_assert_max_num_queries(8):
            assert api(auditor).get(address).status_code == 200
