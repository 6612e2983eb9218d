"""Pages of answers take what a stranger sends, and people who are in no team."""

from __future__ import annotations

import pytest

from apps.accounts.models import Role
from apps.answers.forms import AnswersFilter
from apps.answers.models import Answer
from tests.apps.workshop import trained_model
from tests.people import make_person

pytestmark = pytest.mark.django_db
NUL = "\x00"


@pytest.fixture
def answer(people, tmp_path):
    model = trained_model(people, tmp_path)
    return Answer.objects.create(
        team=people.team, created_by=people.alice, solution="tiny", model=model, seconds=0.1,
        output={"label": "bad", "score": 0.9, "confidence": 0.9}, token="t", subject="A-17",
    )  # fmt: skip


@pytest.mark.parametrize("field", ["correction", "reason"])
def test_a_correction_that_no_database_keeps_is_refused_in_words(answer, people, login, field):
    sent = {"correction": "good", "reason": "Seen."} | {field: f"a{NUL}b"}

    page = login(people.alice).post(f"/answers/{answer.pk}/correct/", sent)

    assert page.status_code == 422
    assert "must be without NUL" in page.content.decode()
    answer.refresh_from_db()
    assert (answer.correction, answer.reason) == ("", "")


@pytest.mark.parametrize("field", ["q", "solution"])
def test_a_search_that_no_database_takes_is_refused_in_words(field):
    # Addresses with a NUL end at the door already; what comes another way ends here.
    form = AnswersFilter({"q": "a", "solution": "tiny", field: f"a{NUL}b"})

    assert not form.is_valid()
    assert "must be without NUL" in str(form.errors[field])
    assert field not in form.cleaned_data


def test_a_search_finds_by_solution_serial_and_review(answer, people, login):
    browser = login(people.alice)

    assert "A-17" in browser.get("/answers/?q=a-1&solution=tiny").content.decode()
    for nothing in ("q=B", "solution=none", "corrected=1"):
        assert "Nothing fits" in browser.get(f"/answers/?{nothing}").content.decode()
    assert "at most 200" in browser.get(f"/answers/?q={'a' * 201}").content.decode()


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMIN])
def test_who_is_in_no_team_may_look_at_the_answers_of_a_solution(answer, people, login, role):
    outsider = make_person("Olga", role)

    page = login(outsider).get("/answers/?solution=tiny")

    assert page.status_code == 200
    assert "Make a dataset" not in page.content.decode()
