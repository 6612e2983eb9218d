"""The REST interface describes itself, without inline script."""

import re


def test_the_schema_names_what_there_is(people, api):
    schema = api(people.alice).get("/api/schema/?format=json").json()

    assert "/api/v1/jobs/{id}/cancel/" in schema["paths"]
    assert "ApiKey" in schema["components"]["securitySchemes"]


def test_each_operation_has_a_name_of_its_own(people, api, capsys):
    api(people.alice).get("/api/schema/?format=json")

    assert "collision" not in capsys.readouterr().err


def test_the_page_has_no_inline_script(people, login):
    page = login(people.alice).get("/api/docs/").content.decode()

    assert page.count("<script") == 2
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\son\w+=", page)


def test_every_page_forbids_inline_script_and_framing(people, login):
    answer = login(people.alice).get("/api/docs/")

    policy = answer["Content-Security-Policy"]
    assert "script-src 'self';" in policy + ";"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
