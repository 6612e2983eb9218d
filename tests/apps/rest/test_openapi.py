"""The OpenAPI document is valid, complete and true."""

from __future__ import annotations

import re

import jsonschema
import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from apps.rest.examples import EXAMPLES
from apps.rest.openapi import operations

WRITES = {"post", "put", "patch"}
# Lists that are cut in another way, each with its reason.
OTHER_LISTS = {
    "audit_list": "it grows while it is read, so the next page begins before a number",
    "audit_checks_list": "only the last ones are told",
}


@pytest.fixture
def document(settings):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.dummy_solution", "tests.picture_solution"]
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def found(document):
    return list(operations(document))


def at(document, path: str, method: str = "post"):
    return document["paths"][path][method]


def resolved(document, schema):
    """Follow a reference within the document."""
    while "$ref" in schema:
        *_, group, name = schema["$ref"].split("/")
        schema = document["components"][group][name]
    return schema


def test_it_is_valid_and_made_without_a_warning(tmp_path):
    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml")
    )

    assert (tmp_path / "schema.yml").stat().st_size > 10_000


def test_each_operation_says_what_it_is(found):
    names = [operation["operationId"] for _, _, operation in found]

    assert len(found) > 20
    assert len(set(names)) == len(names)
    for path, method, operation in found:
        assert operation["tags"], f"{method} {path}"
        assert 5 < len(operation["summary"]) < 100, f"{method} {path}: {operation['summary']!r}"
        assert operation["description"], f"{method} {path}"
        assert operation["security"] == [{"ApiKey": []}, {"Session": []}]
        assert re.fullmatch(r"[a-z_]+", operation["operationId"])


def test_each_operation_says_how_it_refuses(document, found):
    for path, method, operation in found:
        codes = set(operation["responses"])
        assert {"400", "401", "403", "404", "406", "429"} <= codes, f"{method} {path}"
        if method in WRITES:
            assert {"409", "413", "415", "422"} <= codes, f"{method} {path}"
        for code, answer in operation["responses"].items():
            told = resolved(document, answer)
            assert told["description"]
            if code >= "400":
                assert list(told["content"]) == ["application/problem+json"]


def test_each_post_names_the_idempotency_key_once(found):
    for path, method, operation in found:
        named = [p["name"] for p in operation.get("parameters", [])].count("Idempotency-Key")
        assert named == (method == "post"), f"{method} {path}"


def test_examples_are_true_to_the_schemas(document, found):
    shown = set()
    for _, _, operation in found:
        contents = list(operation.get("requestBody", {}).get("content", {}).items())
        for code, answer in operation["responses"].items():
            contents += answer.get("content", {}).items() if code < "300" else []
        for kind, content in contents:
            for name, example in content.get("examples", {}).items():
                shown.add(operation["operationId"])
                schema = {**content["schema"], "components": document["components"]}
                checker = jsonschema.Draft202012Validator(schema)
                problems = [error.message for error in checker.iter_errors(example["value"])]
                assert not problems, (operation["operationId"], kind, name, problems)

    assert shown == set(EXAMPLES)


def test_what_each_solution_takes_is_told_from_its_own_words(document):
    schemas = document["components"]["schemas"]

    row = schemas["DummyRow"]
    assert set(row["required"]) >= {"weld_id", "current_ka"}
    assert row["properties"]["current_ka"]["maximum"] == 40
    assert "failed" not in row["required"]
    assert schemas["PictureSettings"]["properties"]["limit"]["maximum"] == 1
    chosen = schemas["StartTrainingRequest"]["properties"]["options"]["anyOf"]
    assert {"$ref": "#/components/schemas/DummyOptions"} in chosen
    slug = at(document, "/api/v1/solutions/{slug}/trainings/")["parameters"]
    assert [p["schema"]["enum"] for p in slug if p["name"] == "slug"] == [
        ["casting", "dummy", "fraud", "picture", "vqa"]
    ]


def test_a_form_says_which_part_is_a_file(document):
    asked = at(document, "/api/v1/solutions/{slug}/answers/")["requestBody"]["content"]
    form = resolved(document, asked["multipart/form-data"]["schema"])
    upload = at(document, "/api/v1/datasets/")["requestBody"]["content"]

    assert form["properties"]["picture"]["format"] == "binary"
    assert form["properties"]["row"]["type"] == "string"
    assert list(upload) == ["multipart/form-data"]
    file = resolved(document, upload["multipart/form-data"]["schema"])["properties"]["file"]
    assert file["format"] == "binary"


def test_lists_are_cut_alike(document, found):
    for path, method, operation in found:
        is_other = operation["operationId"] in OTHER_LISTS
        if method != "get" or "200" not in operation["responses"] or is_other:
            continue
        content = operation["responses"]["200"].get("content", {}).get("application/json", {})
        schema = resolved(document, content.get("schema", {}))
        assert schema.get("type") != "array", f"{path} has no pages"
        names = {p["name"] for p in operation.get("parameters", [])}
        if operation["operationId"].endswith("_list"):
            assert {"page", "page_size"} <= names, path
            assert {"count", "results"} <= set(schema["properties"]), path
