"""What people say of answers becomes labels, where the schema has a place for it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.answers import services
from apps.answers.labels import label_of, subject_of
from apps.answers.models import Answer
from apps.audit.models import AuditEvent
from ml_core.errors import DataError
from solutions.casting import solution as casting
from solutions.vqa import solution as vqa
from tests.apps.workshop import trained_model

BOX = {"label": "crack", "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}


def found(*sure):
    return json.dumps([BOX | {"confidence": one} for one in sure])


def an_answer(people, tmp_path, **fields):
    model = trained_model(people, tmp_path)
    given = {"output": {"label": "bad"}, "seconds": 0.1, "token": str(model.pk)} | fields
    return Answer.objects.create(
        team=people.team, created_by=people.alice, solution="tiny", model=model, **given
    )


def test_a_good_part_is_a_picture_without_boxes():
    assert label_of(casting, {"label": "fail", "found": found(0.9)}, "pass") == "[]"


def test_an_accepted_fail_has_the_boxes_that_were_shown():
    label = label_of(casting, {"label": "fail", "found": found(0.9, 0.1)}, "fail")

    assert json.loads(label) == [BOX]


def test_a_part_that_was_passed_wrongly_has_no_boxes_yet():
    assert label_of(casting, {"label": "pass", "found": "[]"}, "fail") is None


def test_a_doubtful_part_is_no_label():
    assert label_of(casting, {"label": "review", "found": found(0.3)}, "review") is None


def test_an_answer_in_words_is_a_label():
    assert label_of(vqa, {"label": "2"}, "three") == "three"


def test_a_part_is_found_by_its_serial():
    row = {"part": " A-17 ", "series": "x"}

    assert subject_of(casting.inputs(), row) == "A-17"
    assert subject_of(vqa.inputs(), row) == ""


@pytest.mark.django_db
def test_corrections_are_counted_from_a_moment_on(people, tmp_path):
    answer = an_answer(people, tmp_path)
    before = timezone.now()

    services.correct(user=people.alice, answer=answer, correction="good", reason="Seen it.")

    count = services.count_labels_since
    assert answer.label == "0"
    assert count(solution="tiny", team=people.team, since=before) == 1
    assert count(solution="tiny", team=people.team, since=None) == 1
    later = timezone.now() + timedelta(seconds=1)
    assert count(solution="tiny", team=people.team, since=later) == 0
    assert count(solution="picture", team=people.team, since=before) == 0


@pytest.mark.django_db
def test_words_that_are_no_value_of_the_label_are_kept_but_not_counted(people, tmp_path):
    answer = an_answer(people, tmp_path)

    services.correct(user=people.alice, answer=answer, correction="who knows")

    answer.refresh_from_db()
    assert (answer.correction, answer.label) == ("who knows", None)
    assert services.count_labels_since(solution="tiny", team=people.team, since=None) == 0


@pytest.mark.django_db
def test_a_reason_is_kept_and_audited(people, tmp_path):
    answer = an_answer(people, tmp_path)

    services.correct(user=people.alice, answer=answer, correction="good", reason="Only a scratch.")
    services.correct(user=people.alice, answer=answer, correction="bad", reason="It is deep.")

    event = AuditEvent.objects.filter(action="answer.corrected").order_by("-sequence").first()
    assert event.summary["before"] == {"correction": "good", "reason": "Only a scratch."}
    assert event.summary["after"] == {"correction": "bad", "reason": "It is deep."}


@pytest.mark.django_db
def test_an_endless_reason_is_refused(people, tmp_path):
    answer = an_answer(people, tmp_path)

    with pytest.raises(DataError, match="at most 500"):
        services.correct(user=people.alice, answer=answer, correction="good", reason="x" * 501)

    answer.refresh_from_db()
    assert answer.correction == ""
