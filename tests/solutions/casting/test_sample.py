"""What the "try it" button of castings takes in, and how long few pictures are learnt from."""

from __future__ import annotations

from ml_core.data.labels.box import from_text
from solutions.casting import solution
from solutions.casting.card import LIMITS, limits
from solutions.casting.schema import CLASSES
from solutions.casting.training import LEAST_EPOCHS, LEAST_STEPS, usual_epochs
from solutions.tables import open_batch


def test_the_sample_shows_each_class_and_clean_parts_too(tmp_path):
    with open_batch(solution.sample(tmp_path), solution.inputs()) as batch:
        drawn = [from_text(cell) for cell in batch.targets["boxes"]]

    assert len(drawn) == 240
    assert {box.label for boxes in drawn for box in boxes or []} == set(CLASSES)
    assert 20 < sum(boxes == [] for boxes in drawn) < 120


def test_few_pictures_are_seen_more_often():
    assert usual_epochs(4) * 4 >= LEAST_STEPS
    assert usual_epochs(162) == usual_epochs(10_000) == LEAST_EPOCHS


def test_a_model_that_finds_too_little_says_so_first():
    assert limits({"recall50": 0.2})[0].startswith("It found 20% of the defects")
    assert limits({"recall50": 0.8}) == LIMITS
