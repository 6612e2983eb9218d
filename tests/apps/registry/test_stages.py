"""How models are moved: by whom, with which reason, and what is left of it."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from apps.audit.models import AuditEvent
from apps.registry.models import ModelVersion, Stage
from apps.registry.services import live, promote, restore, retire, roll_back
from apps.registry.stages import previous
from ml_core.errors import ModelError, NotAllowedError
from tests.apps.registry.test_registry import blob_path, flip_a_byte
from tests.apps.workshop import trained_model

WHY = "It misses frauds."


@pytest.fixture
def three(people, tmp_path):
    """Three models, each of which was made live after the other."""
    models = [trained_model(people, tmp_path) for _ in range(3)]
    for model in models:
        promote(model, people.dora, f"Better than before {model.number}.")
        model.refresh_from_db()
    return models


def stage_of(model: ModelVersion) -> str:
    return ModelVersion.objects.get(pk=model.pk).stage


def test_it_goes_back_to_what_was_live_before(people, three):
    _first, second, third = three

    back = roll_back(ModelVersion.objects.get(pk=third.pk), people.dora, WHY)

    assert back == second == live("tiny", people.team)
    assert stage_of(third) == Stage.RETIRED
    event = AuditEvent.objects.get(action="model.rolled_back")
    assert event.thing_id == str(second.pk)
    assert event.summary["reason"] == WHY
    assert event.summary["before"] == {"stage": "retired", "live": third.number}
    assert event.summary["after"] == {"stage": "live", "live": second.number}


def test_going_back_again_goes_further_back_and_never_in_a_circle(people, three):
    first, second, third = three

    assert roll_back(third, people.dora, WHY) == second
    assert previous(second) == first
    assert roll_back(second, people.dora, WHY) == first

    assert previous(first) is None
    with pytest.raises(ModelError, match="There must be a model that was live before"):
        roll_back(first, people.dora, WHY)


def test_two_who_roll_back_at_once_go_back_one_step(people, three):
    _first, second, third = three

    roll_back(third, people.dora, WHY)
    with pytest.raises(ModelError, match="not any more"):
        roll_back(third, people.admin, WHY)

    assert live("tiny", people.team) == second


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_rolls_back(people, tmp_path):
    models = [trained_model(people, tmp_path) for _ in range(2)]
    for model in models:
        promote(model, people.dora, "Better.")
    ended = []

    def back() -> None:
        try:
            roll_back(ModelVersion.objects.get(pk=models[1].pk), people.dora, WHY)
            ended.append("done")
        except ModelError:
            ended.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=back) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ended) == ["done", "refused", "refused", "refused"]
    assert live("tiny", people.team) == models[0]
    assert AuditEvent.objects.filter(action="model.rolled_back").count() == 1


def test_a_damaged_model_is_not_gone_back_to(people, three):
    _first, second, third = three
    flip_a_byte(blob_path(second))

    with pytest.raises(ModelError, match="must be whole") as refused:
        roll_back(third, people.dora, WHY)

    assert "Nothing was changed" in str(refused.value)
    assert live("tiny", people.team) == third
    assert not AuditEvent.objects.filter(action="model.rolled_back").exists()


def test_a_damaged_model_is_not_promoted(people, tmp_path):
    model = trained_model(people, tmp_path)
    blob_path(model).unlink()

    with pytest.raises(ModelError, match="must be whole"):
        promote(model, people.dora, WHY)

    assert stage_of(model) == Stage.CANDIDATE


@pytest.mark.parametrize("act", [promote, roll_back, retire, restore])
@pytest.mark.parametrize("reason", ["", "  \n", "x" * 1001])
def test_nothing_moves_without_a_fit_reason(people, three, act, reason):
    model = three[2] if act is roll_back else three[0]

    with pytest.raises(ModelError, match=r"reason must|must have a reason"):
        act(model, people.dora, reason)

    assert live("tiny", people.team) == three[2]


@pytest.mark.parametrize("act", [promote, roll_back, retire, restore])
def test_nothing_is_moved_by_an_analyst(people, three, act):
    with pytest.raises(NotAllowedError):
        act(three[2], people.alice, WHY)


def test_who_trained_a_model_may_go_back_to_it_once_another_promoted_it(people, tmp_path, settings):
    settings.ASSAY_FOUR_EYES = True
    own, other = trained_model(people, tmp_path, owner=people.dora), trained_model(people, tmp_path)
    with pytest.raises(NotAllowedError, match="somebody else"):
        promote(own, people.dora, WHY)
    promote(own, people.admin, WHY)
    promote(other, people.dora, WHY)

    assert roll_back(other, people.dora, WHY) == own


def test_a_candidate_retires_and_comes_back(people, tmp_path):
    model = trained_model(people, tmp_path)

    retire(model, people.dora, "Learned from a wrong file.")
    retired = stage_of(model)
    restore(model, people.dora, "The file was right.")

    assert (retired, stage_of(model)) == (Stage.RETIRED, Stage.CANDIDATE)
    assert list(model.changes.values_list("move", flat=True)) == [
        "registered", "retired", "restored",
    ]  # fmt: skip
    event = AuditEvent.objects.get(action="model.retired")
    assert (event.summary["before"], event.summary["after"]) == (
        {"stage": "candidate"}, {"stage": "retired"},
    )  # fmt: skip


def test_a_model_that_was_set_aside_needs_another_person_still(people, tmp_path, settings):
    settings.ASSAY_FOUR_EYES = True
    own = trained_model(people, tmp_path, owner=people.dora)
    retire(own, people.dora, WHY)

    with pytest.raises(NotAllowedError, match="somebody else"):
        promote(own, people.dora, WHY)


@pytest.mark.parametrize(("act", "place"), [(retire, 2), (retire, 0), (restore, 2)])
def test_a_move_that_makes_no_sense_is_refused(people, three, act, place):
    with pytest.raises(ModelError, match="must be a"):
        act(three[place], people.dora, WHY)


def test_a_model_follows_what_was_live_when_it_was_made(people, three, tmp_path):
    assert three[0].parent is None
    assert trained_model(people, tmp_path).parent == three[2]


def test_the_history_tells_every_step(people, three):
    roll_back(three[2], people.dora, WHY)

    steps = list(three[2].changes.values_list("move", "stage", "reason", "other__number"))

    assert steps == [
        ("registered", "candidate", "", None),
        ("promoted", "live", "Better than before 3.", 2),
        ("replaced", "retired", WHY, 2),
    ]
