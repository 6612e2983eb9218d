"""What each rank runs in `test_ranks.py`: the training of a detector, and what came of it."""

from __future__ import annotations

from typing import Any

import torch

from ml_core.seed import seed_all
from ml_core.tracking.run import NullRun, Run
from solutions.casting.lesson import lesson_of
from solutions.casting.network import Detector, freeze
from solutions.casting.options import CastingOptions
from solutions.casting.schema import CLASSES
from solutions.casting.training import learn
from tests.solutions.casting.test_casting import batch_of


def learn_each(payload: list[dict[str, Any]], run: Run) -> list[dict[str, Any]]:
    # Without checkpoints, in which the second would find those of the first.
    return [learnt(options, NullRun(run.seed)) for options in payload]


def learnt(options: dict[str, Any], run: Run) -> dict[str, Any]:
    chosen = CastingOptions(epochs=2, batch=4, image_size=64, start_weights="none", **options)
    lesson, valid = (lesson_of(batch_of(n, seed=n), CLASSES, 64, run) for n in (9, 3))
    seed_all(run.seed)
    network = Detector(len(CLASSES), chosen)
    network.to(memory_format=torch.channels_last)
    freeze(network)
    history = learn(network, lesson, valid, chosen, run)
    weights = network.state_dict()
    return {
        "losses": [epoch["loss"] for epoch in history.epochs],
        "kernel": weights["head.cv3.0.0.0.conv.weight"].flatten()[:20].tolist(),
    }
