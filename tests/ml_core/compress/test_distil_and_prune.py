"""Smaller networks: taught by larger ones, with fewer channels, or with thinner matrices."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from ml_core.compress.distil import (
    DistilOptions,
    Tap,
    attention_loss,
    distil,
    feature_loss,
    logits_loss,
)
from ml_core.compress.low_rank import factorise
from ml_core.compress.prune import extent, prune
from ml_core.errors import ConfigError
from ml_core.tracking.run import NullRun
from ml_core.train.loop import FitOptions
from tests.ml_core.compress.shapes import SmallNetwork, accuracy, learn, pictures


def test_the_loss_of_answers_is_nothing_for_the_same_and_grows_with_the_gap():
    teacher = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

    assert float(logits_loss(teacher, teacher, 4.0)) == pytest.approx(0, abs=1e-6)
    near, far = (float(logits_loss(teacher.roll(1, 1) * f, teacher, 4.0)) for f in (0.1, 1.0))
    assert 0 < near < far


def test_the_loss_of_answers_is_that_of_the_paper():
    student, teacher = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    p, q = (teacher / 2).softmax(1), (student / 2).softmax(1)

    assert float(logits_loss(student, teacher, 2.0)) == pytest.approx(
        float(4 * (p * (p / q).log()).sum())
    )


def test_attention_knows_places_and_no_channels():
    maps = torch.rand(2, 8, 5, 5)

    assert float(attention_loss(maps[:, torch.randperm(8)] * 3, maps)) == pytest.approx(0, abs=1e-9)
    assert float(attention_loss(maps.flip(3), maps)) > 1e-6


def test_features_are_compared_once_projected():
    ours = torch.rand(2, 3, 4, 4)
    double = nn.Conv2d(3, 3, 1, bias=False)
    double.weight.data = 2 * torch.eye(3)[:, :, None, None]

    double.requires_grad_(requires_grad=False)
    assert float(feature_loss(ours, 2 * ours, double)) == pytest.approx(0, abs=1e-9)
    assert float(feature_loss(ours, ours, double)) > 0.1


def _teach(teacher, student, taps=(), **weights):
    x, _ = pictures(256, seed=5)

    def batches(epoch: int):
        yield from x.split(64)

    return distil(
        teacher, student, batches, answer=lambda module, batch: module(batch),
        hard=lambda told, batch: told.sum() * 0, run=NullRun(), taps=taps, steps_per_epoch=4,
        options=FitOptions(epochs=8, lr=1e-2), weights=DistilOptions(soft=1.0, **weights),
    )  # fmt: skip


def test_a_student_learns_from_answers_alone_without_the_truth(learnt):
    torch.manual_seed(1)
    student, (x, y) = SmallNetwork(12), pictures(512, seed=6)
    before = accuracy(student, x, y)

    _teach(learnt, student)

    assert before < 0.5
    assert all(parameter.requires_grad for parameter in learnt.parameters())
    assert accuracy(student, x, y) > 0.8


def test_taps_pull_maps_together_and_leave_nothing_behind(learnt):
    torch.manual_seed(2)
    student, x = SmallNetwork(12), pictures(64, seed=7)[0]
    tap = Tap("features.5", "features.5")

    def gap() -> float:
        with torch.no_grad():
            return float(attention_loss(student.features(x), learnt.features(x)))

    before = gap()
    _teach(learnt, student, [tap], features=0.1, attention=1000.0)

    assert gap() < before
    assert set(student.state_dict()) == set(SmallNetwork(12).state_dict())
    assert not any(layer._forward_hooks for layer in [*student.modules(), *learnt.modules()])


def test_a_tap_that_names_no_layer_is_refused(learnt):
    with pytest.raises(ConfigError, match="must name a layer"):
        _teach(learnt, SmallNetwork(12), [Tap("features.5", "nowhere")])


def test_pruning_takes_the_share_of_channels_and_what_depends_on_them(learnt):
    x, y = pictures(512, seed=8)
    free = [learnt.features[0], learnt.features[3]]

    before, after = prune(learnt, {"x": x[:4]}, 0.5, free=free)

    assert learnt.features[0].weight.shape == (16, 1, 3, 3)
    assert learnt.features[3].weight.shape == (16, 16, 3, 3)
    assert learnt.answer[0].weight.shape == (16, 16)
    assert before.channels - after.channels == 32
    assert after.macs < 0.35 * before.macs
    learn(learnt, *pictures(512, seed=0), epochs=3, lr=3e-3)
    assert accuracy(learnt, x, y) > 0.9


def test_the_channels_of_the_smallest_norm_go(learnt):
    """The norm is over all that a channel takes along: its norm's factor, and who reads it."""
    weight = learnt.features[0].weight.data
    weight[::2] *= 1e-3
    learnt.features[1].weight.data[::2] *= 1e-3
    learnt.features[3].weight.data[:, ::2] *= 1e-3
    kept = weight[1::2].clone()

    prune(learnt, {"x": torch.rand(2, 1, 16, 16)}, 0.5, free=[learnt.features[0]])

    assert torch.equal(learnt.features[0].weight, kept)


def test_rounds_add_up_and_each_is_followed_by_learning(learnt):
    widths = []

    prune(
        learnt, {"x": torch.rand(2, 1, 16, 16)}, 0.5, free=[learnt.features[0]], rounds=2,
        tune=lambda _: widths.append(len(learnt.features[0].weight)),
    )  # fmt: skip

    assert widths == [24, 16]


def test_frozen_layers_are_frozen_after_pruning(learnt):
    learnt.answer[2].requires_grad_(requires_grad=False)

    prune(learnt, {"x": torch.rand(2, 1, 16, 16)}, 0.5, free=[learnt.features[0]])

    assert not learnt.answer[2].weight.requires_grad
    assert learnt.features[0].weight.requires_grad


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_that_leaves_all_or_nothing_is_refused(learnt, share):
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        prune(learnt, {"x": torch.rand(2, 1, 16, 16)}, share, free=[learnt.features[0]])


def test_multiplications_are_counted_for_one_row():
    network = SmallNetwork(8)

    found = extent(network, {"x": torch.rand(5, 1, 16, 16)})

    assert found.macs == 256 * 8 * 9 + 64 * 8 * 8 * 9 + 8 * 16 + 16 * 4
    assert found.channels == 8 + 8 + 16 + 4


def test_a_matrix_of_low_rank_is_told_by_two_thinner_ones():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 64), nn.Conv2d(8, 8, 1))
    network[0].weight.data = torch.rand(64, 3) @ torch.rand(3, 64)
    x = torch.rand(4, 64)
    before = network[0](x)

    ranks = factorise(network, 0.9999)

    assert ranks == {"0": 3}
    assert torch.allclose(network[0](x), before, atol=1e-2)


def test_a_matrix_is_left_where_two_would_cost_more():
    network = nn.Sequential(nn.Linear(16, 16))

    assert factorise(network, 1.0) == {}
    assert isinstance(network[0], nn.Linear)


def test_a_convolution_of_one_place_is_factorised_with_its_stride():
    network = nn.Sequential(nn.Conv2d(16, 16, 1, stride=2))
    network[0].weight.data = (torch.rand(16, 2) @ torch.rand(2, 16))[:, :, None, None]
    x = torch.rand(2, 16, 6, 6)
    before = network(x)

    assert factorise(network, 0.9999) == {"0": 2}
    assert torch.allclose(network(x), before, atol=1e-2)
    assert functional.mse_loss(network(x), before) < 1e-4
