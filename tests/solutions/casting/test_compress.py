"""The detector loses channels that nothing outside of a block sees, and learns in eight bits."""

from __future__ import annotations

import onnx
import pytest
import torch

from ml_core.compress.prune import prune
from ml_core.tracking.run import NullRun
from solutions.bundle import read_card
from solutions.casting import solution
from solutions.casting.compress import DetectorRecipe, apart
from solutions.casting.network import Detector
from solutions.casting.options import CastingOptions
from solutions.compression import CompressOptions
from tests.solutions.casting.test_casting import batch_of


def free(network: Detector):
    return DetectorRecipe.free(None, network)  # type: ignore[arg-type]  # asks nothing of the recipe


@pytest.mark.parametrize("start", ["efficientnet_lite0", "none"])
def test_blocks_lose_channels_and_what_is_told_keeps_its_form(start):
    network = Detector(3, CastingOptions(start_weights=start))
    pictures = torch.rand(2, 3, 64, 64)
    shapes = [part.shape for part in network.eval()(pictures)]

    before, after = prune(network, {"pictures": pictures}, 0.5, free=free(network))

    assert [part.shape for part in network.eval()(pictures)] == shapes
    assert after.parameters < 0.9 * before.parameters
    assert after.macs < 0.85 * before.macs


def test_two_detectors_are_apart_where_the_teacher_sees_something():
    draw = torch.Generator().manual_seed(0)
    teacher = {
        "scores": torch.full((1, 2, 6), -9.0), "boxes": torch.randn(1, 64, 6, generator=draw)
    }  # fmt: skip
    teacher["scores"][0, 1, 2] = 4.0
    elsewhere, there = ({n: t.clone() for n, t in teacher.items()} for _ in range(2))
    elsewhere["boxes"][:, :, 5] += torch.randn(64, generator=draw)
    there["boxes"][:, :, 2] += torch.randn(64, generator=draw)

    same, little, much = (float(apart(one, teacher)) for one in (teacher, elsewhere, there))

    assert little == pytest.approx(same, abs=1e-3)
    assert much > same + 0.1


@pytest.mark.slow
def test_a_detector_is_pruned_taught_and_learns_in_eight_bits(tmp_path):
    data, options = batch_of(16), CastingOptions(epochs=1, image_size=64, int8=True)
    split = solution.split(data, options, 0)
    trained, out = tmp_path / "trained", tmp_path / "smaller"
    trained.mkdir()
    out.mkdir()
    solution.train(split, options, NullRun(), trained)
    full, small = read_card(trained)["variants"]
    assert (full["name"], small["name"]) == ("FP32", "INT8")
    assert small["size_mb"] < full["size_mb"] / 3
    how = CompressOptions(minutes=0.02, allowed_loss=100, prune=False, ptq=False)

    made = solution.compress(trained, split, how, NullRun(), out)

    by_name = {one.name: one for one in made.variants}
    assert list(by_name) == ["original", "distilled", "QAT"]
    assert by_name["QAT"].size_mb < by_name["original"].size_mb / 3
    assert by_name["distilled"].macs < by_name["original"].macs
    assert made.bundle == out
    assert solution.load(out, "cpu").predict(split.test).frame.height == len(split.test)
    graph = onnx.load(out / "model.int8.onnx").graph
    assert any(t.data_type == onnx.TensorProto.INT8 for t in graph.initializer)
