"""Every operation of the OpenAPI document is tried with what it allows and what it does not.

Nothing may break the server, no answer may be one that the document does not tell, and each
must look as it says. The requests are made up from the document itself, the same each time; the
ids of an address are half of the time those of real things.
"""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.accounts.models import Role
from apps.accounts.policies import SCOPES, can
from apps.accounts.services import make_key
from apps.answers.server import ModelServer
from apps.rest.openapi import operations
from tests.apps.test_rights import ADDRESSES, MAKERS, MAY_BE_MISSING

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NOBODY = str(UUID(int=0))
SAMPLE = {"id": NOBODY, "other": NOBODY, "slug": "tiny", "row": "1", "form": "csv"}
BY_NAME = {address.name: address for address in ADDRESSES}
BOUNDED = settings(
    max_examples=20, deadline=None, derandomize=True, database=None,
    phases=[Phase.generate], suppress_health_check=list(HealthCheck),
)  # fmt: skip
OPERATIONS = [
    (path, method)
    for path, method, _ in operations(SchemaGenerator().get_schema(request=None, public=True))
]


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.tiny_solution"]
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_DATA_DIR.mkdir()
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "models.sock")


@pytest.fixture
def models(tmp_path):
    server = ModelServer(tmp_path / "models.sock")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


# What needs two things that are named in its query.
NEEDS_MORE = {
    "api:model-compare",
}
# Fields of requests that name things, and what the test of rights calls those.
NAMED = {
    "dataset_version": "api:dataset-version",
    "dataset": "api:dataset",
    "reference": "api:dataset-version",
    "model": "api:model",
    "follows": "api:answer",
}


def key_for(user, team, scopes=SCOPES) -> dict[str, str]:
    allowed = [scope for scope in scopes if can(user, scope)]
    token = make_key(user=user, team=team, name="fuzz", scopes=allowed, days=1)[1]
    return {"Authorization": f"Bearer {token}"}


def address_of(path: str):
    url = path
    for name, value in SAMPLE.items():
        url = url.replace("{%s}" % name, value)  # noqa: UP031  braces
    return BY_NAME[resolve(url).view_name]


def real_parts(path: str, people) -> dict[str, str]:
    """Make the things of Alice's that an address names, by what the test of rights knows."""
    address = address_of(path)
    makers = {part: MAKERS[address.key_of(part)] for part in address.keys}
    if address.name in MAKERS:  # one that needs a thing of another kind than its neighbours
        makers["pk"] = MAKERS[address.name]
    made = {part: str(make(people)) for part, make in makers.items()}
    return {"id" if part == "pk" else part: value for part, value in made.items()}


def operation_of(path: str, method: str):
    document = SchemaGenerator().get_schema(request=None, public=True)
    schema = schemathesis.openapi.from_dict(document)
    schema.app = get_wsgi_application()
    return schema[path][method.upper()]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=str)
def test_what_the_document_says_is_true(path, method, mode, people, models):
    headers = key_for(people.admin, people.team)
    operation = operation_of(path, method)
    parts = real_parts(path, people)
    statuses = []

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_it(case):
        if len(statuses) % 2 == 0:
            if method == "delete" and len(statuses) < 6:
                parts.update(real_parts(path, people))
            case.path_parameters = {**(case.path_parameters or {}), **parts}
            if isinstance(case.body, dict):
                case.body = {k: str(MAKERS[NAMED[k]](people)) if k in NAMED else v
                             for k, v in case.body.items()}  # fmt: skip
        answer = case.call_and_validate(headers=headers, checks=CHECKS)
        statuses.append(answer.status_code)

    try_it()

    assert statuses
    address = address_of(path)
    may_be_missing = MAY_BE_MISSING | NEEDS_MORE
    if mode is GenerationMode.POSITIVE and method == "get" and address.name not in may_be_missing:
        assert 200 in statuses, "what is there was never found"


OF_THINGS = [(path, method) for path, method in OPERATIONS if "{id}" in path]


@pytest.mark.parametrize(("path", "method"), OF_THINGS, ids=str)
def test_a_key_of_an_outsider_finds_nothing(path, method, people):
    """Even one who may do all of it in his own team."""
    people.charlie.role = Role.ADMIN
    people.charlie.save()
    parts = real_parts(path, people)

    statuses = statuses_of(path, method, key_for(people.charlie, people.other_team), parts)

    # A body that nobody could keep is refused before the thing is looked for.
    assert 404 in statuses
    assert statuses <= {400, 404}


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=str)
def test_a_key_without_the_scope_may_do_nothing(path, method, people):
    parts = real_parts(path, people)
    needed = set(address_of(path).api_view.actions_needed.values())
    other = next(scope for scope in SCOPES if scope not in needed)

    statuses = statuses_of(path, method, key_for(people.admin, people.team, [other]), parts)

    assert statuses == {403}


def statuses_of(path, method, headers, parts) -> set[int]:
    statuses = set()

    @settings(BOUNDED, max_examples=4)
    @given(case=operation_of(path, method).as_strategy())
    def try_it(case):
        case.path_parameters = {**(case.path_parameters or {}), **parts}
        answer = case.call_and_validate(headers=headers, checks=CHECKS)
        statuses.add(answer.status_code)

    try_it()
    return statuses
