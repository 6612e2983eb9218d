"""The trail for programs."""

import json

import pytest

from apps.accounts.models import Role
from apps.audit.models import AuditEvent
from apps.audit.services import record
from tests.people import make_person


@pytest.fixture
def client(people, api):
    return api(make_person("Olga", Role.AUDITOR))


def test_it_is_read_in_pages_that_follow_each_other(people, client):
    for number in range(7):
        record("x.done", actor=people.alice, number=number)

    first = client.get("/api/v1/audit/", {"action": "x.done", "page_size": 5}).json()
    second = client.get(first["next"]).json()

    numbers = [event["summary"]["number"] for event in first["results"] + second["results"]]
    assert numbers == [6, 5, 4, 3, 2, 1, 0]
    assert second["next"] is None
    assert first["results"][0]["actor"] == "alice@example.org"


@pytest.mark.parametrize(
    "query", [{"before": "x"}, {"page_size": 0}, {"page_size": 1001}, {"since": "yesterday"}]
)
def test_what_cannot_be_asked_is_refused(client, query):
    answer = client.get("/api/v1/audit/", query)

    assert answer.status_code == 400
    assert next(iter(query)) in json.dumps(answer.json())


def test_it_is_exported(client):
    record("x.done", actor=None)

    answer = client.get("/api/v1/audit/export/jsonl/", {"action": "x.done"})

    [line] = b"".join(answer.streaming_content).decode().splitlines()
    assert json.loads(line)["action"] == "x.done"
    assert AuditEvent.objects.filter(action="audit.exported").count() == 1
    assert client.get("/api/v1/audit/export/pdf/").status_code == 404


def test_the_chain_is_verified(client, run_jobs):
    asked = client.post("/api/v1/audit/checks/")
    run_jobs()
    [check] = client.get("/api/v1/audit/checks/").json()

    assert asked.status_code == 202
    assert asked.json()["state"] == "running"
    assert (check["id"], check["state"]) == (asked.json()["id"], "whole")


@pytest.mark.parametrize("address", ["audit/", "audit/export/csv/", "audit/checks/"])
def test_nobody_else_reads_it(people, api, address):
    assert api(people.dora).get(f"/api/v1/{address}").status_code == 403
