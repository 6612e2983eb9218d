"""The catalogue: what there is, what is broken, and how to try it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import call_command

from apps.accounts.models import Role
from apps.catalog import services
from apps.catalog.snippets import snippets
from apps.datasets.models import Dataset, DatasetVersion
from tests.dummy_solution import solution as dummy
from tests.people import make_person


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.ASSAY_DATA_DIR = tmp_path
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.dummy_solution", "tests.apps.catalog.broken"]


def test_the_list_shows_solutions_and_the_broken_one_with_its_reason(login, alice):
    page = login(alice).get("/solutions/").content.decode()

    assert "Weld failure" in page
    assert "tests.apps.catalog.broken" in page
    assert "no such luck" in page


def test_a_check_warns_of_the_broken_one():
    found = [message for message in run_checks() if message.id == "assay.W001"]

    assert len(found) == 1
    assert "no such luck" in found[0].msg


def test_a_page_tells_the_columns_their_rules_and_how_to_call(login, alice):
    page = login(alice).get("/solutions/dummy/").content.decode()

    assert "kA, at least 0, at most 40" in page
    assert "amperage" in page
    assert "/solutions/dummy/code/" in page


@pytest.mark.parametrize(
    ("language", "mark"), [("curl", "curl -sS"), ("python", "import requests")]
)
def test_a_table_is_scored_as_a_file(login, alice, language, mark):
    page = login(alice).get(f"/solutions/dummy/code/?in={language}").content.decode()

    assert "data.csv" in page
    assert mark in page
    assert "http://testserver/api/v1" in page
    assert "picture.jpg" not in page


@pytest.mark.parametrize(
    ("slug", "column", "row"), [("casting", "picture", None), ("vqa", "picture", "question")]
)
def test_a_picture_is_sent_as_the_part_of_its_column(slug, column, row):
    one, file = snippets(services.registry()[slug], "https://assay.example")

    assert f"-F {column}=@picture.jpg" in one.curl
    assert f'"{column}": {column}' in one.python
    assert (f'"{row}"' in one.python) is (row is not None)
    assert "pictures.zip" in file.curl
    assert "csv" not in (one.curl + file.curl).lower()


def test_every_snippet_in_python_can_be_read_by_python():
    for solution in services.registry():
        for snippet in snippets(solution, "https://assay.example"):
            compile(snippet.python, solution.slug, "exec")


def test_a_language_that_is_not_there_is_curl(login, alice):
    answer = login(alice).get("/solutions/dummy/code/?in=cobol")

    assert answer.context["language"] == "curl"


def test_an_unknown_solution_is_not_found(login, alice):
    assert login(alice).get("/solutions/nothing/").status_code == 404
    assert login(alice).post("/solutions/nothing/demo/").status_code == 404


def test_one_click_brings_the_demo_data_to_a_ready_table(login, alice, run_jobs):
    answer = login(alice).post("/solutions/dummy/demo/")
    run_jobs()

    version = DatasetVersion.objects.get()
    assert answer.url == version.get_absolute_url()
    assert (version.state, version.created_by) == ("ready", alice)
    assert version.dataset.name in login(alice).get("/solutions/dummy/").content.decode()


def test_who_may_not_upload_may_not_try(login, team):
    auditor = make_person("Aude", Role.AUDITOR, team)

    page = login(auditor).get("/solutions/dummy/")

    assert "Try it with demo data" not in page.content.decode()
    assert login(auditor).post("/solutions/dummy/demo/").status_code == 403


def test_an_outsider_sees_the_solution_but_not_its_data(login, alice, charlie):
    login(alice).post("/solutions/dummy/demo/")

    page = login(charlie).get("/solutions/dummy/").content.decode()

    assert "Weld failure" in page
    assert services.DEMO_NAME not in page.replace("Try it with demo data", "")


def test_a_sample_that_is_drawn_is_taken_in_and_leaves_no_file(
    login, alice, run_jobs, settings, monkeypatch, tmp_path
):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()

    def sample(_self, folder: Path) -> Path:
        return Path(shutil.copy(dummy.demo(), folder / "drawn.csv"))

    monkeypatch.setattr(type(dummy), "sample", sample)

    login(alice).post("/solutions/dummy/demo/")
    run_jobs()

    version = DatasetVersion.objects.get()
    assert (version.filename, version.state) == ("drawn.csv", "ready")
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.django_db
def test_load_demo_fills_an_installation_once(people, run_jobs, capsys):
    call_command("load_demo")
    call_command("load_demo")
    run_jobs()

    solutions = Dataset.objects.values_list("solution", flat=True)
    assert sorted(solutions) == sorted(services.registry().solutions)
    assert set(DatasetVersion.objects.values_list("state", flat=True)) == {"ready"}
    assert "has its demo data" in capsys.readouterr().out


def test_the_page_of_a_solution_asks_no_more_with_more_datasets(
    login, alice, team, django_assert_max_num_queries
):
    Dataset.objects.bulk_create(
        Dataset(name=f"d{i}", solution="dummy", team=team, created_by=alice) for i in range(30)
    )

    browser = login(alice)

    with django_assert_max_num_queries(8):
        browser.get("/solutions/dummy/")
