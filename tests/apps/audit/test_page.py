"""The trail as a page, for those who answer for it."""

import csv
import io
import json

import pytest

from apps.accounts.models import Role
from apps.audit.models import AuditEvent
from apps.audit.services import record
from tests.apps.workshop import job_run, trained_model
from tests.people import make_person

PART = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def auditor(people):
    return make_person("Olga", Role.AUDITOR)


def shown(answer) -> list[int]:
    return [line.event.sequence for line in answer.context["lines"]]


def many(people, n: int) -> None:
    for number in range(1, n + 1):
        record("x.done", actor=people.alice, team=people.team, note=f"number {number}")


def test_an_auditor_reads_and_searches(people, auditor, login):
    record("model.promoted", actor=people.dora, team=people.team, thing=people.team)
    record("dataset.received", actor=people.alice, team=people.team)

    page = login(auditor).get("/audit/?action=promoted")

    assert [line.event.action for line in page.context["lines"]] == ["model.promoted"]
    assert "dora@example.org" in page.content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "Größe"}, 1),
        ({"q": "FRAUD DESK"}, 2),
        ({"actor": "dora"}, 2),
        ({"action": "model"}, 2),
        ({"since": "2000-01-01", "until": "2000-01-02"}, 0),
        ({"since": "2000-01-01"}, 3),
        ({"actor": "dora", "q": "nothing of the kind"}, 0),
    ],
)
def test_every_filter_narrows(people, auditor, login, query, found):
    browser = login(auditor)
    before = AuditEvent.objects.count()
    record("model.promoted", actor=people.dora, team=people.team, thing=people.team, why="Größe")
    record("model.retired", actor=people.dora, team=people.team, thing=people.team)
    record("dataset.received", actor=people.alice)

    answer = browser.get("/audit/", query)

    assert len([one for one in shown(answer) if one > before]) == found


def test_a_thing_has_its_history(people, auditor, login):
    record("model.promoted", actor=people.dora, thing=people.team)
    record("model.promoted", actor=people.dora, thing=people.other_team)

    query = {"thing_type": "accounts.team", "thing_id": str(people.team.pk)}
    answer = login(auditor).get("/audit/", query)

    assert len(shown(answer)) == 1
    assert "Only what was done to Fraud desk" in answer.content.decode()


def test_pages_follow_each_other_without_a_gap(people, auditor, login):
    browser = login(auditor)
    many(people, 120)
    query = {"action": "x.done"}

    first = browser.get("/audit/", query)
    second = browser.get("/audit/", query | {"before": first.context["page"].older})
    third = browser.get("/audit/", query | {"before": second.context["page"].older})
    back = browser.get("/audit/", query | {"after": third.context["page"].newer})

    assert [len(shown(page)) for page in (first, second, third)] == [50, 50, 20]
    everything = shown(first) + shown(second) + shown(third)
    assert everything == sorted(everything, reverse=True)
    assert len(set(everything)) == 120
    assert shown(back) == shown(second)
    assert third.context["page"].older is None
    assert first.context["page"].newer is None


def test_a_page_costs_few_queries_and_counts_nothing(
    people, auditor, login, django_assert_max_num_queries
):
    many(people, 60)
    browser = login(auditor)

    with django_assert_max_num_queries(6) as asked:
        browser.get("/audit/")

    assert not any("COUNT(" in query["sql"] for query in asked.captured_queries)


@pytest.mark.parametrize("place", ["x", "-1", "9" * 40, "٣", "1;DROP TABLE"])
def test_a_place_that_is_none_is_the_newest(people, auditor, login, place):
    many(people, 2)

    answer = login(auditor).get("/audit/", {"before": place, "action": "x.done"})

    assert len(shown(answer)) == 2


def test_before_and_after_stand_side_by_side(people, auditor, login):
    record(
        "model.promoted",
        actor=people.dora,
        before={"stage": "candidate", "limits": {"high": 1}},
        after={"stage": "live", "limits": {"high": 1}},
    )

    page = login(auditor).get("/audit/", {"action": "model.promoted"}).content.decode()

    assert "<del>candidate</del>" in page
    assert "<ins>live</ins>" in page
    assert page.index("stage") < page.index("limits.high")


def test_days_the_wrong_way_round_are_told(auditor, login):
    answer = login(auditor).get("/audit/?since=2026-03-02&until=2026-03-01")

    assert answer.status_code == 422
    assert "must not be before the first" in answer.content.decode()


def test_htmx_gets_the_events_alone(people, auditor, login):
    many(people, 1)

    page = login(auditor).get("/audit/", **PART).content.decode()

    assert page.lstrip().startswith('<div id="events">')


@pytest.mark.parametrize("address", ["", "chain/", "export/csv/"])
def test_an_analyst_does_not(people, login, address):
    assert login(people.alice).get(f"/audit/{address}").status_code == 403


def test_values_are_shown_as_text(people, auditor, login):
    record("x.done", actor=None, note="<script>alert(1)</script>")
    record("x.done", actor=None, before={"<b>": "<i>"}, after=["<u>"])

    page = login(auditor).get("/audit/").content.decode()

    assert "<script>alert" not in page
    assert "<i>" not in page
    assert "<u>" not in page


def export(browser, form: str, query=None) -> str:
    answer = browser.get(f"/audit/export/{form}/", query or {})
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_a_spreadsheet_runs_nothing(people, auditor, login):
    people.team.name = "=HYPERLINK(1)"
    people.team.save()
    record("x.done", actor=None, team=people.team, thing=people.team, note="=1+1")

    rows = list(csv.DictReader(io.StringIO(export(login(auditor), "csv", {"action": "x.done"}))))

    assert [row["thing"] for row in rows] == ["'=HYPERLINK(1)"]
    assert rows[0]["team"] == "'=HYPERLINK(1)"
    assert json.loads(rows[0]["summary"]) == {"note": "=1+1"}


def test_an_export_holds_what_was_searched_for_and_is_recorded(people, auditor, login):
    many(people, 1203)
    record("y.done", actor=None)

    lines = export(login(auditor), "jsonl", {"action": "x.done"}).splitlines()

    assert [json.loads(line)["summary"]["note"] for line in lines][-1] == "number 1203"
    assert len(lines) == 1203
    told = AuditEvent.objects.get(action="audit.exported")
    assert told.actor_label == "olga@example.org"
    assert told.summary == {"form": "jsonl", "filters": {"action": "x.done"}}


def test_another_form_is_not_found_and_not_recorded(auditor, login):
    assert login(auditor).get("/audit/export/xlsx/").status_code == 404
    assert not AuditEvent.objects.filter(action="audit.exported").exists()


def test_a_key_reads_its_own_team_alone(people, auditor):
    record("x.done", actor=None, team=people.team)
    record("x.done", actor=None, team=people.other_team)
    auditor.key_team_id = people.team.pk

    assert AuditEvent.objects.visible_to(auditor).filter(action="x.done").count() == 1


@pytest.mark.parametrize("kind", ["job", "run", "dataset", "version", "model"])
def test_each_thing_links_to_its_history_for_who_may_read_it(
    people, auditor, login, tmp_path, settings, kind
):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.tiny_solution"]
    settings.ASSAY_CACHE_DIR = tmp_path / "cache"
    model = trained_model(people, tmp_path)
    version = model.run.dataset_version
    things = {
        "job": job_run(people)[0],
        "run": model.run,
        "dataset": version.dataset,
        "version": version,
        "model": model,
    }
    thing = things[kind]

    page = login(auditor).get(thing.get_absolute_url()).content.decode()
    own = login(people.alice).get(thing.get_absolute_url()).content.decode()

    assert f"thing_type={thing._meta.label_lower}&amp;thing_id={thing.pk}" in page
    assert "/audit/" not in own
