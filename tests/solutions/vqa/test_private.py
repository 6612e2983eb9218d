"""Learning to answer privately: a picture with its questions is one unit, and the card says so."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from ml_core.errors import ConfigError
from ml_core.security import privacy
from ml_core.security.privacy import Privacy
from ml_core.tracking.run import NullRun
from solutions.vqa import solution
from solutions.vqa.learning import learn
from solutions.vqa.lesson import Plan
from solutions.vqa.network import AnswerNetwork
from solutions.vqa.options import VqaOptions
from solutions.vqa.private import MOST_ASKED, _units, loss_of_unit, private_batches
from solutions.vqa.reading import reader_of
from solutions.vqa.words import vocabulary
from tests.solutions.vqa.scenes import batch_of

OPTIONS = VqaOptions(
    epochs=2, width=16, steps=1, private=True, epsilon=20.0, delta=1e-3, pictures_per_step=16
)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    pytest.importorskip("opacus")
    out, data = tmp_path_factory.mktemp("private"), batch_of(30, sounds=1.0)
    return solution.train(solution.split(data, OPTIONS, 0), OPTIONS, NullRun(), out)


def lesson_of(n_pictures: int, frames: int = 0):
    data = batch_of(n_pictures)
    words = vocabulary(data.targets["question"])
    answers = sorted(data.targets["answer"].unique().to_list())
    plan = Plan(reader_of("own", words, None), answers, 64, frames)
    network = AnswerNetwork(len(words) + 2, len(answers), OPTIONS, frames)
    return plan.lesson(data, NullRun()), network


def test_the_card_tells_the_unit_and_the_promise(learnt):
    told = json.loads((learnt.bundle / "card.json").read_text())["privacy"]

    assert "one picture" in told["unit"]
    assert 19 < told["epsilon"] <= 20
    assert told["delta"] == 1e-3
    assert told["units"] < 30  # those to choose with and to report on are others


def test_a_private_bundle_answers(learnt):
    data = batch_of(4, seed=9)

    predicted = solution.load(learnt.bundle, "cpu").predict(data)

    assert predicted.frame.height == len(data)


def test_no_norm_mixes_pictures():
    _, network = lesson_of(6)

    assert not any(isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d) for part in network.modules())


def test_a_unit_has_the_loss_of_its_questions_however_many_it_is_padded_to():
    lesson, network = lesson_of(8)
    rows = [np.flatnonzero(lesson.picture == p) for p in range(3)]
    network.eval()

    few = _units(lesson, np.arange(3), rows, max(map(len, rows)))
    many = _units(lesson, np.arange(3), rows, MOST_ASKED)

    for unit in range(3):
        a, b = (loss_of_unit(network, tuple(t[unit : unit + 1] for t in u)) for u in (few, many))
        assert torch.allclose(a, b, atol=1e-5)


def test_units_of_a_step_are_the_pictures_that_were_drawn():
    pytest.importorskip("opacus")
    lesson, _ = lesson_of(20)
    steps = Privacy(noise_multiplier=1.0, delta=1e-3).plan(20, batch_size=10, epochs=1)

    seen = [
        len(units.pictures) for units in private_batches(lesson, steps, np.random.default_rng(0))(0)
    ]

    assert len(seen) == steps.steps_per_epoch == 2
    assert all(0 <= n <= 20 for n in seen)


def test_it_learns_when_the_noise_is_small():
    pytest.importorskip("opacus")
    lesson, network = lesson_of(60)
    options = OPTIONS.model_copy(update={"epochs": 8, "lr": 0.01})
    steps = Privacy(noise_multiplier=0.01, delta=1e-3, max_grad_norm=5.0).plan(
        60, batch_size=20, epochs=8
    )

    history = learn(network, lesson, lesson, options, NullRun(), steps=steps)

    assert history.epochs[-1]["loss"] < history.epochs[0]["loss"]


def test_without_the_extra_it_is_refused_at_once(monkeypatch, tmp_path):
    def missing():
        raise ConfigError("Install the extra.")

    monkeypatch.setattr(privacy, "require_opacus", missing)
    data = batch_of(10)

    with pytest.raises(ConfigError, match="extra"):
        solution.train(solution.split(data, OPTIONS, 0), OPTIONS, NullRun(), tmp_path)
