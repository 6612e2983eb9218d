"""Pages of the feature store."""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl
import pytest
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.features.models import FeatureView, Materialization
from apps.jobs.models import Job
from tests.apps.features.making import NAME, kept_view, the_definition, three_days
from tests.apps.workshop import payments, ready_version

DEFINITION = f"/features/tiny/{NAME}/"
START = f"{DEFINITION}materialise/"


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_the_catalogue_names_what_solutions_define(people, login):
    page = text_of(login(people.alice).get("/features/"))

    assert "What a card paid." in page
    assert "What a card pays" in page  # of the fraud solution
    assert "not materialised" in page
    assert 'href="/features/"' in page


def test_the_catalogue_counts_what_is_kept(people, login):
    kept_view(people, three_days(people))

    mine = text_of(login(people.alice).get("/features/"))
    others = text_of(login(people.charlie).get("/features/"))

    assert ">120<" in mine
    assert ">120<" not in others


def test_a_definition_shows_its_windows_and_what_to_do_first(people, login):
    page = text_of(login(people.alice).get(DEFINITION))

    assert "amount_mean_1d" in page
    assert "until 1h before" in page
    assert the_definition().version in page
    assert START in page


@pytest.mark.parametrize("address", ["/features/nothing/cards/", "/features/tiny/nothing/"])
def test_what_nobody_defines_is_not_there(people, login, address):
    assert login(people.alice).get(address).status_code == 404
    assert login(people.alice).get(f"{address}materialise/").status_code == 404


def test_a_form_starts_a_job_once(people, login):
    version = ready_version(people)
    client, form = login(people.alice), {"version": version.pk, "mode": "full", "token": "t1"}

    first, again = client.post(START, form), client.post(START, form)

    job = Job.objects.get()
    assert first.status_code == again.status_code == 302
    assert first["Location"] == again["Location"] == job.get_absolute_url()
    assert Materialization.objects.get().mode == "full"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"mode": "full", "start": "2024-01-02"}, "backfill"),
        ({"mode": "backfill", "start": "2024-01-03", "end": "2024-01-02"}, "end after it starts"),
        ({"mode": "hourly"}, "valid choice"),
        ({"mode": "backfill", "start": "yesterday"}, "valid date"),
        ({"version": "x"}, "valid"),
    ],
)
def test_a_form_that_cannot_be_says_why(people, login, said, reason):
    form = {"version": ready_version(people).pk, "mode": "incremental"} | said

    answer = login(people.alice).post(START, form)

    assert answer.status_code == 422
    assert reason in text_of(answer)
    assert not Job.objects.exists()


def test_data_of_another_team_cannot_be_chosen(people, login):
    form = {"version": ready_version(people).pk, "mode": "full"}

    assert login(people.charlie).post(START, form).status_code == 422
    assert not FeatureView.objects.exists()


def test_a_page_without_data_says_what_to_bring(people, login):
    assert "No data to compute from yet" in text_of(login(people.alice).get(START))


def test_a_kept_view_shows_days_lineage_and_freshness(people, login):
    version = three_days(people)
    view = kept_view(people, version)

    page = text_of(login(people.bob).get(view.get_absolute_url()))

    assert version.sha256 in page
    assert view.view_hash in page
    assert "It is up to its definition and its dataset." in page
    assert "Rows by day" in page


def test_an_entity_is_looked_up_and_the_trail_knows(people, login):
    view = kept_view(people)
    address = reverse("features:look_up", args=[view.pk])
    form = {"entity": "=SUM(A1)", "at": "2024-01-01T12:00:00"}

    whole = login(people.bob).post(address, form)
    part = login(people.bob).post(address, form, headers={"HX-Request": "true"})

    assert "amount_sum_1d" in text_of(whole)
    assert "<html" in text_of(whole)
    assert "<html" not in text_of(part)
    assert "recent row" in text_of(part)
    event = AuditEvent.objects.filter(action="features.looked_up").latest("at")
    assert event.actor == people.bob
    assert "SUM" not in str(event.summary)


def test_an_entity_that_is_not_known_is_told_so(people, login):
    view = kept_view(people)
    address = reverse("features:look_up", args=[view.pk])

    page = text_of(login(people.alice).post(address, {"entity": "nobody"}))

    assert "Nothing is kept of it" in page
    assert "no value" in page


def test_a_past_that_is_not_kept_is_not_called_empty(people, login):
    year_on = pl.when(pl.col("row") == 60).then(pl.col("time") + timedelta(days=365))
    frame = payments(60).with_columns(time=year_on.otherwise("time").cast(pl.Datetime("us")))
    view = kept_view(people, ready_version(people, frame))
    form = {"entity": "nobody", "at": "2024-01-01T12:00:00"}

    page = text_of(login(people.alice).post(reverse("features:look_up", args=[view.pk]), form))

    assert "Nothing is kept of it" in page
    assert "may not be kept online any more" in page
    assert "All windows are empty" not in page


@pytest.mark.parametrize(
    "form", [{}, {"entity": ""}, {"entity": "x" * 201}, {"entity": "a", "at": "x"}]
)
def test_a_look_up_that_cannot_be_is_refused(people, login, form):
    view = kept_view(people)

    answer = login(people.alice).post(reverse("features:look_up", args=[view.pk]), form)

    assert answer.status_code == 200
    assert "invalid-feedback" in text_of(answer)


def test_a_look_up_tells_when_the_view_must_be_made_again(people, login):
    view = kept_view(people)
    FeatureView.objects.filter(pk=view.pk).update(view_hash="other")

    page = text_of(
        login(people.alice).post(reverse("features:look_up", args=[view.pk]), {"entity": "c1"})
    )

    assert "definition has changed since" in page


def test_who_may_only_look_is_offered_nothing_to_do(people, login):
    view = kept_view(people)
    people.bob.role = "auditor"
    people.bob.save()

    page = text_of(login(people.bob).get(view.get_absolute_url()))

    assert "materialise/?version" not in page
    assert login(people.bob).post(START, {}).status_code == 403


def test_a_view_whose_solution_has_gone_can_still_be_read(people, login):
    view = kept_view(people)
    FeatureView.objects.filter(pk=view.pk).update(solution="gone")

    page = text_of(login(people.alice).get(view.get_absolute_url()))

    assert "does not define it any more" in page
