"""Versions are known by what they say, and compared with each other."""

from __future__ import annotations

import polars as pl
import pytest

from apps.datasets import comparing, services
from apps.datasets.models import Comparison, DatasetVersion
from apps.jobs.models import Job
from apps.jobs.services import cancel
from tests.apps.datasets.tables import csv, parquet, rows
from tests.apps.workshop import payments, ready_version


@pytest.fixture(autouse=True)
def solutions(settings, home):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.dummy_solution", "tests.apps.tiny_solution"]


@pytest.fixture
def pair(people):
    """A version, and a later one with a row less, two more, and an amount that was corrected."""
    old = ready_version(people, payments(50))
    changed = pl.when(pl.col("payment_id") == "p0-000007").then(1234.0).otherwise("amount")
    new = payments(52).with_columns(card_id=payments(52)["card_id"])
    same = payments(50).with_columns(amount=changed).slice(1)
    frame = pl.concat([same, new.slice(50)]).with_columns(row=pl.int_range(1, 52))
    return old, ready_version(people, frame, name="Later")


def place(new, old) -> str:
    return f"/api/v1/dataset-versions/{new.pk}/compare/{old.pk}/"


def test_rows_added_removed_and_changed_are_told(pair, api, login, alice, run_jobs):
    old, new = pair
    assert api(alice).get(place(new, old)).json()["state"] == "none"

    started = api(alice).post(place(new, old))
    run_jobs()

    told = api(alice).get(place(new, old)).json()
    assert (started.status_code, told["state"]) == (202, "ready")
    result = told["result"]
    assert result["by"] == "payment_id"
    assert [result[key]["n"] for key in ("added", "removed", "changed")] == [2, 1, 1]
    assert result["removed"]["first"] == [1]
    assert result["changed_cells"] == {"amount": 1}
    page = login(alice).get(f"/datasets/versions/{new.pk}/compare/{old.pk}/").content.decode()
    assert "1 changed cell" in page
    assert f"/datasets/versions/{old.pk}/browse/?page=1#row-1" in page


def test_it_is_chosen_and_begun_at_a_page_and_made_once(pair, login, alice, run_jobs):
    old, new = pair
    client = login(alice)
    chosen = client.get(f"/datasets/versions/{new.pk}/compare/?old={old.pk}")
    assert chosen["Location"] == f"/datasets/versions/{new.pk}/compare/{old.pk}/"

    for _ in range(2):
        client.post(chosen["Location"])
    run_jobs()
    client.post(chosen["Location"])

    assert Job.objects.count() == Comparison.objects.count() == 1
    assert Comparison.objects.get().state == "ready"


def test_a_cancelled_one_is_begun_again(pair, alice, run_jobs):
    old, new = pair
    cancel(comparing.start_comparison(new=new, old=old, user=alice).job, alice)
    assert Comparison.objects.get().state == "failed"

    comparing.start_comparison(new=new, old=old, user=alice)
    run_jobs()

    assert Comparison.objects.get().state == "ready"


def test_with_a_version_that_is_gone_or_another_teams_nothing_is_compared(
    pair, people, alice, api, run_jobs
):
    old, new = pair
    theirs = ready_version(people, team=people.other_team, owner=people.charlie)
    assert api(alice).post(place(new, theirs)).status_code == 404
    assert api(alice).post(place(new, new)).status_code == 404

    comparing.start_comparison(new=new, old=old, user=alice)
    services.delete(old, alice)
    [job] = run_jobs()

    assert job.state == "failed"
    assert "was deleted" in job.error


def test_the_same_rows_are_known_again_in_another_form_of_file(ingest, login, alice):
    one = ingest(csv())
    other = ingest(parquet(), "welds.parquet")

    assert one.content_sha256 == other.content_sha256
    assert one.sha256 != other.sha256
    page = login(alice).get(other.get_absolute_url()).content.decode()
    assert one.content_sha256 in page
    assert one.get_absolute_url() in page


def test_rows_in_another_order_are_other_content(ingest):
    one, other = ingest(csv()), ingest(csv(rows()[::-1]))

    assert one.content_sha256 != other.content_sha256
    assert DatasetVersion.objects.filter(content_sha256="").count() == 0
