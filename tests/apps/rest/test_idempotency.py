"""A request that is sent twice under one key has one effect and one answer, at every address."""

from __future__ import annotations

import io
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.test import APIClient

from apps.accounts.services import make_key
from apps.datasets.models import DatasetVersion
from apps.jobs.models import Job
from apps.registry.models import ModelVersion
from apps.rest import idempotency
from apps.rest.manners import Manners
from apps.rest.models import KeptAnswer
from tests.apps.datasets.tables import blobs, csv, rows
from tests.apps.test_rights import ADDRESSES
from tests.apps.workshop import ready_version, trained_model

UPLOAD = "/api/v1/datasets/"
KEY = {"Idempotency-Key": "k1"}


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.dummy_solution", "tests.apps.tiny_solution"]


def send(client, content: bytes = b"", headers=KEY, boundary: str = "b1", **fields):
    """Upload a table, as a client's library packs it."""
    file = io.BytesIO(content or csv())
    file.name = "welds.csv"
    sent = {"solution": "dummy", "mapping": "auto", "file": file, **fields}
    body = b""
    for name, value in sent.items():
        is_file = name == "file"
        words = f'; filename="{file.name}"\r\nContent-Type: text/csv' if is_file else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{words}'.encode()
        body += b"\r\n\r\n" + (value.read() if is_file else str(value).encode()) + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    return client.post(UPLOAD, body, content_type=kind, headers=headers)


def test_every_address_of_the_interface_knows_keys():
    views = [a.api_view for a in ADDRESSES if a.name.startswith("api:")]

    assert len(views) > 10
    assert all(issubclass(view, Manners) for view in views)


def test_a_file_that_is_sent_twice_is_stored_once_whatever_its_boundary(people, api):
    client = api(people.alice)

    first, second = send(client), send(client, boundary="another")

    assert (first.status_code, second.status_code) == (202, 202), second.content
    assert first.content == second.content
    assert (first["Location"], first["Content-Type"]) == (
        second["Location"], second["Content-Type"],
    )  # fmt: skip
    assert second["Idempotent-Replay"] == "true"
    assert "Idempotent-Replay" not in first
    assert (DatasetVersion.objects.count(), Job.objects.count(), len(blobs())) == (1, 1, 1)


def test_without_a_key_two_are_two(people, api):
    for _ in range(2):
        send(api(people.alice), headers={})

    assert DatasetVersion.objects.count() == 2
    assert not KeptAnswer.objects.exists()


@pytest.mark.parametrize("change", ["content", "field", "address"])
def test_a_key_for_another_request_is_refused_and_nothing_is_done(people, api, change):
    client = api(people.alice)
    send(client)

    if change == "content":
        answer = send(client, csv(rows(30)))
    elif change == "field":
        answer = send(client, name="Other")
    else:
        answer = client.post("/api/v1/solutions/dummy/trainings/", {}, headers=KEY)

    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:assay:problem:idempotency-key-reused"
    assert (DatasetVersion.objects.count(), len(blobs())) == (1, 1)


def test_a_key_is_its_owner_s_alone_and_that_of_a_team(people, api):
    by_alice, by_bob = send(api(people.alice)), send(api(people.bob))
    token = make_key(
        user=people.alice, team=people.team, name="k", scopes=["datasets.upload"], days=1
    )[1]
    by_key = send(APIClient(), headers={**KEY, "Authorization": f"Bearer {token}"})

    assert {a.status_code for a in (by_alice, by_bob, by_key)} == {202}
    assert DatasetVersion.objects.count() == 3


def test_who_lost_the_right_is_not_told_the_answer_again(people, api):
    send(api(people.alice))
    people.alice.role = "auditor"
    people.alice.save()

    assert send(api(people.alice)).status_code == 403


def test_a_refused_request_may_be_tried_again_under_its_key(people, api):
    client = api(people.alice)

    refused = send(client, b"\n\n")
    accepted = send(client)

    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:assay:problem:data"
    assert accepted.status_code == 202


def test_a_request_that_broke_may_be_tried_again(people, api, monkeypatch):
    client = api(people.alice)
    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr("apps.datasets.services.adopt", lambda *_, **__: 1 / 0)
        broken = send(client)

    again = send(client)

    assert (broken.status_code, again.status_code) == (500, 202)


def test_a_request_in_flight_is_not_done_twice_until_its_process_is_given_up(people, api, settings):
    client = api(people.alice)
    send(client)
    KeptAnswer.objects.update(status=None, body=b"")  # as a killed process leaves it

    busy = send(client)
    KeptAnswer.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    retried = send(client)

    assert (busy.status_code, busy["Retry-After"]) == (409, "1")
    assert busy.json()["type"] == "urn:assay:problem:idempotency-key-in-flight"
    assert retried.status_code == 202
    assert "Idempotent-Replay" not in retried


def test_one_who_was_given_up_keeps_nothing_over_the_one_who_took_over(people):
    first = idempotency.claim(people.alice, "k", "r")
    KeptAnswer.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    second = idempotency.claim(people.alice, "k", "r")

    idempotency.give_up(first)

    assert first.ticket != second.ticket
    assert KeptAnswer.objects.get().ticket == second.ticket


def test_an_answer_is_forgotten_after_a_day(people, api):
    send(api(people.alice))
    KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    again = send(api(people.alice))

    assert "Idempotent-Replay" not in again
    assert DatasetVersion.objects.count() == 2
    KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    idempotency.cache.clear()
    assert (idempotency.sweep(), KeptAnswer.objects.count()) == (1, 0)


@pytest.mark.parametrize("key", ["k" * 256, "with space", "ü"])
def test_a_key_that_cannot_be_one_is_refused(people, api, key):
    answer = send(api(people.alice), headers={"Idempotency-Key": key})

    assert answer.status_code == 400
    assert "visible ASCII" in answer.json()["fields"]["Idempotency-Key"][0]


def test_every_post_knows_keys_also_one_without_a_body(people, api, tmp_path):
    model = trained_model(people, tmp_path, ready_version(people))
    client = api(people.dora)
    url = f"/api/v1/models/{model.pk}/promote/"

    first, second = (client.post(url, {"reason": "Better."}, headers=KEY) for _ in range(2))
    other = client.post(url, {"reason": "Other."}, headers=KEY)

    assert (first.status_code, second.status_code, other.status_code) == (200, 200, 422)
    assert first.content == second.content
    assert ModelVersion.objects.get().promoted_why == "Better."


def test_large_files_are_measured_in_pieces_and_stay_readable(people):
    http = RequestFactory().post(
        "/api/v1/x/", {"row": "{}", "picture": io.BytesIO(b"x" * 3_000_000)}
    )
    request = Request(http, parsers=[MultiPartParser()])

    digest = idempotency.digest_of(request)

    assert len(digest) == 64
    assert len(request.FILES["picture"].read()) == 3_000_000


@pytest.mark.django_db(transaction=True)
def test_twice_at_once_has_one_effect(people, monkeypatch):
    token = make_key(
        user=people.alice, team=people.team, name="k", scopes=["datasets.upload"], days=1
    )[1]
    headers = {**KEY, "Authorization": f"Bearer {token}"}
    together, statuses = threading.Barrier(6), []

    def ask() -> None:
        together.wait()
        statuses.append(send(APIClient(), headers=headers).status_code)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(statuses) <= {202, 409}
    assert 202 in statuses
    assert (DatasetVersion.objects.count(), Job.objects.count(), len(blobs())) == (1, 1, 1)
