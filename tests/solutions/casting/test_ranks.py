"""Several processes train one detector."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ml_core.tracking.run import NullRun
from ml_core.train.options import Ranks
from ml_core.train.ranks import run_ranks
from solutions.casting.lesson import changed, lesson_of
from solutions.casting.schema import CLASSES
from tests.solutions.casting import rank_work
from tests.solutions.casting.test_casting import batch_of

WAYS = ("ddp", "fsdp2", "zero2")


@pytest.fixture(scope="module")
def learnt():
    """All ways by one launch, and one process alone: the losses, and some weights."""
    payload = [{"strategy": way} for way in WAYS]
    run, n_threads = NullRun(seed=3), torch.get_num_threads()
    try:
        alone = rank_work.learnt({}, run)
    finally:
        torch.set_num_threads(n_threads)
    work = f"{rank_work.__name__}:learn_each"
    found = run_ranks(work, payload, run=run, ranks=Ranks(here=2))
    return dict(zip(WAYS, found, strict=True)) | {"alone": alone}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_two_processes_learn_much_the_same_as_one(learnt, way):
    # Not just the same: each divides its loss by how well its own boxes are met, or by one.
    found, alone = learnt[way], learnt["alone"]

    assert 0.5 < found["losses"][-1] / alone["losses"][-1] < 1.1
    assert np.corrcoef(found["kernel"], alone["kernel"])[0, 1] > 0.95


@pytest.mark.slow
def test_the_ways_to_share_agree_with_each_other(learnt):
    for way in WAYS[1:]:
        assert learnt[way]["losses"] == pytest.approx(learnt["ddp"]["losses"], rel=1e-2)


def test_each_process_gets_its_share_of_the_same_changed_pictures(monkeypatch):
    lesson, rows = lesson_of(batch_of(5), CLASSES, 64, NullRun()), np.arange(5)
    whole = changed(lesson, rows, 0, (1, 2))

    for rank in range(2):
        monkeypatch.setattr("solutions.casting.lesson.mine", lambda all_, r=rank: all_[r::2])
        part = changed(lesson, rows, 0, (1, 2))
        assert torch.equal(part["pictures"], whole["pictures"][rank::2])
        assert len(part["bboxes"]) == int((whole["batch_idx"] % 2 == rank).sum())
