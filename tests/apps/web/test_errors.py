"""Each error is told in the form that was asked for, and says nothing that it should not."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as FormError
from django.db import DataError as UnstorableError
from django.http import Http404, HttpResponse
from django.test import Client, RequestFactory
from rest_framework import exceptions as drf

from apps.web import errors
from ml_core.errors import (
    ConfigError,
    DataError,
    DeviceError,
    Issue,
    JobError,
    ModelError,
    NotAllowedError,
)

SECRET = "4929-1234-5678-9012"

KNOWN = [
    (
        DataError(Issue("missing", "amount must be there. Got nothing. Add it.", "amount", 3)),
        422,
        "data",
    ),
    (ConfigError("Port must be below 65536."), 400, "config"),
    (NotAllowedError("Your role must be approver."), 403, "not-allowed"),
    (ModelError("The bundle is damaged."), 409, "model"),
    (DeviceError("There is no CUDA device."), 409, "device"),
    (JobError("It has ended.", permanent=True), 409, "job"),
    (JobError("It broke."), 500, "job"),
    (Http404(), 404, "not-found"),
    (PermissionDenied(), 403, "not-allowed"),
    (RequestDataTooBig(), 413, "too-large"),
    (SuspiciousOperation(), 400, "bad-request"),
    (UnstorableError("unsupported Unicode escape sequence"), 400, "invalid"),
    (FormError({"name": ["Too long."]}), 400, "invalid"),
    (drf.ValidationError({"name": ["Too long."]}), 400, "invalid"),
    (drf.Throttled(wait=7), 429, "throttled"),
    (drf.NotAuthenticated(), 401, "not-authenticated"),
    (drf.PermissionDenied(), 403, "not-allowed"),
    (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
]


def ask(path: str = "/things/", **headers: str):
    return RequestFactory().get(path, headers=headers)


def names(value) -> str:
    return type(value).__name__ if isinstance(value, Exception) else str(value)


@pytest.mark.parametrize(("error", "status", "code"), KNOWN, ids=names)
def test_a_program_is_told_by_problem_json(error, status, code):
    middleware = errors.ErrorMiddleware(lambda _: HttpResponse())

    response = middleware.process_exception(ask("/api/v1/things/"), error)

    body = json.loads(response.content)
    assert response.status_code == body["status"] == status
    assert response["Content-Type"] == "application/problem+json"
    assert body["type"] == f"urn:assay:problem:{code}"
    assert body["title"]
    assert body["detail"]


@pytest.mark.parametrize(("error", "status", "code"), KNOWN, ids=names)
def test_a_person_is_told_by_a_page(error, status, code):
    middleware = errors.ErrorMiddleware(lambda _: HttpResponse())

    response = middleware.process_exception(ask(accept="text/html"), error)

    html = response.content.decode()
    assert response.status_code == status
    assert html.lstrip().startswith("<!doctype html>")
    assert errors.describe(error).title in html


@pytest.mark.parametrize(("error", "status", "code"), KNOWN, ids=names)
def test_htmx_is_told_by_a_fragment_that_replaces_no_content(error, status, code):
    middleware = errors.ErrorMiddleware(lambda _: HttpResponse())

    response = middleware.process_exception(ask(**{"HX-Request": "true"}), error)

    assert response.status_code == status
    assert response["HX-Retarget"] == "#messages"
    assert b"<html" not in response.content
    assert b'role="alert"' in response.content


def test_wrong_data_is_told_row_by_row():
    issues = [
        Issue("number", f"Row {row} must be a number.", "amount", row) for row in range(1, 300)
    ]

    problem = errors.describe(DataError(issues))

    assert len(problem.issues) == 100
    assert problem.issues[0] == {
        "code": "number",
        "message": "Row 1 must be a number.",
        "column": "amount",
        "row": 1,
        "severity": "error",
        "n_rows": 1,
    }


def test_nested_fields_are_told_by_their_path():
    error = drf.ValidationError(
        {"options": {"rate": ["Too high."]}, "rows": [{}, {"amount": ["No."]}]}
    )

    assert errors.describe(error).fields == {
        "options.rate": ["Too high."],
        "rows.1.amount": ["No."],
    }


def test_who_is_throttled_is_told_when_to_come_back():
    response = errors.respond(ask("/api/v1/"), errors.describe(drf.Throttled(wait=6.2)))

    assert response["Retry-After"] == "7"


@pytest.mark.parametrize("path", ["/things/", "/api/v1/things/"])
def test_a_broken_server_shows_a_number_and_no_trace(path):
    try:
        raise RuntimeError(SECRET)
    except RuntimeError:
        response = errors.server_error(ask(path))

    text = response.content.decode()
    assert response.status_code == 500
    assert SECRET not in text
    assert "Traceback" not in text
    assert "equest" in text


def test_an_error_nobody_foresaw_is_left_to_the_log():
    middleware = errors.ErrorMiddleware(lambda _: HttpResponse())

    assert middleware.process_exception(ask(), RuntimeError(SECRET)) is None
    assert errors.exception_handler(RuntimeError(SECRET), {"request": ask("/api/v1/")}) is None


@pytest.mark.django_db
def test_an_unknown_address_is_a_page_for_people_and_json_for_programs(client):
    page = client.get("/no-such-thing/")
    body = client.get("/api/v1/no-such-thing/")

    assert page.status_code == body.status_code == 404
    assert b"There is no such page" in page.content
    assert body["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_the_number_in_a_header_is_the_one_on_the_page(client, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError(SECRET)

    monkeypatch.setattr("apps.web.views.connection.cursor", broken)
    client.raise_request_exception = False

    response = client.get("/healthz", headers={"Accept": "application/json"})

    assert response.status_code == 500
    assert SECRET not in response.content.decode()
    assert response.json()["request_id"] not in ("", "unknown")


@pytest.mark.django_db
def test_a_form_without_token_is_told_that_nothing_changed(alice):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")

    response = strict.post("/theme/", {"theme": "dark"})

    alice.refresh_from_db()
    assert response.status_code == 403
    assert b"nothing was changed" in response.content
    assert alice.theme == "auto"


@pytest.mark.django_db
def test_a_wrong_method_is_answered_with_words(login, alice):
    response = login(alice).get("/theme/")

    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert b"Nothing was changed" in response.content
