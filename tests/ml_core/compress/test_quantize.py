"""Eight bits: the file holds whole numbers, says what the network says, and is smaller."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from ml_core.compress.fake_quant import Observer, fake_quantise
from ml_core.compress.fold import fold_norms
from ml_core.compress.quantised import to_int8_onnx
from ml_core.compress.quantize import (
    agreement,
    calibrate,
    float_weights,
    post_training,
    prepare,
)
from ml_core.errors import ModelError
from ml_core.runtime.export import to_onnx
from ml_core.runtime.session import Session
from tests.ml_core.compress.shapes import accuracy, learn, pictures


@pytest.fixture(scope="module")
def some():
    return {"x": pictures(32, seed=3)[0]}


@pytest.fixture(scope="module")
def rounding(_learnt, some):
    made = prepare(_learnt, some)
    calibrate(made, [some])
    learn(made, *pictures(512, seed=0), epochs=1, lr=1e-3)
    return made


@pytest.fixture(scope="module")
def eight_bits(rounding, some, tmp_path_factory):
    path = tmp_path_factory.mktemp("eight") / "qat.onnx"
    return to_int8_onnx(rounding, some, path, outputs=("odds",))


def test_a_network_that_learnt_under_rounding_is_written_with_whole_weights(eight_bits):
    graph = onnx.load(eight_bits).graph
    whole = {t.name: t for t in graph.initializer if t.data_type == onnx.TensorProto.INT8}

    assert float_weights(eight_bits) == {}
    assert sum(int(np.prod(t.dims)) for t in whole.values()) == 32 * 9 + 32 * 32 * 9 + 32 * 16 + 64
    # What stays in float is no longer than a bias, or the scales of a layer's channels.
    floats = [t for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    assert max(int(np.prod(t.dims)) for t in floats) <= 32


def test_the_file_says_what_the_rounding_network_says(rounding, eight_bits, some):
    assert agreement(rounding, eight_bits, some) < 0.02


def test_all_convolutions_are_computed_in_whole_numbers(eight_bits, tmp_path):
    """Between rounded inputs and outputs; else weights would be widened at each call."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    ort.InferenceSession(eight_bits, options, providers=["CPUExecutionProvider"])

    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kinds.count("QLinearConv") == 2
    assert not {"Conv", "FusedConv"} & set(kinds)


def test_eight_bits_cost_little_accuracy(learnt, eight_bits):
    x, y = pictures(512, seed=4)

    told = Session(eight_bits, "cpu").run({"x": x.numpy()})["odds"]

    assert (told.argmax(axis=1) == y.numpy()).mean() > accuracy(learnt, x, y) - 0.03


def test_a_file_of_another_network_is_refused(rounding, eight_bits, some):
    other = copy.deepcopy(rounding)
    with torch.no_grad():
        next(layer for layer in other.modules() if isinstance(layer, nn.Linear)).weight.mul_(-1)

    with pytest.raises(ModelError, match="must agree with its network"):
        agreement(other, eight_bits, some)


def test_after_training_all_weights_are_whole_and_the_file_is_smaller(learnt, some, tmp_path):
    full = to_onnx(learnt, some, tmp_path / "full.onnx", outputs=("odds",))

    small = post_training(full, tmp_path / "small.onnx", [{"x": some["x"].numpy()}])

    assert float_weights(full)
    assert float_weights(small) == {}
    assert small.stat().st_size < full.stat().st_size
    assert agreement(learnt, small, some, within=0.2) > 0


def test_quantising_by_no_sample_is_refused(learnt, some, tmp_path):
    full = to_onnx(learnt, some, tmp_path / "full.onnx", outputs=("odds",))

    with pytest.raises(ModelError, match="must see some samples"):
        post_training(full, tmp_path / "small.onnx", [])
    with pytest.raises(ModelError, match="must see some samples"):
        calibrate(prepare(learnt, some), [])


def test_rounding_is_symmetric_and_its_gradient_straight_through():
    x = torch.tensor([-3.0, -0.6, 0.0, 0.26, 3.0], requires_grad=True)

    told = fake_quantise(x, torch.tensor(0.5), -1, -4, 4)
    told.sum().backward()

    assert told.tolist() == [-2.0, -0.5, 0.0, 0.5, 2.0]
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


def test_each_channel_of_weights_has_its_own_step():
    weight = torch.tensor([[1.0, 0.4], [100.0, 40.0]])

    told = fake_quantise(weight, torch.tensor([0.5, 50.0]), 0, -127, 127)

    assert told.tolist() == [[1.0, 0.5], [100.0, 50.0]]


def test_a_percentile_leaves_out_the_rare_and_the_largest_value_does_not():
    x = torch.ones(100_000)
    x[7] = 1000.0
    reach = {}
    for of in ("min_max", "percentile"):
        observer = Observer(of)
        observer.see(x)
        reach[of] = float(observer.reach)

    assert reach == {"min_max": 1000.0, "percentile": 1.0}


def test_folded_norms_change_nothing(learnt, some):
    before = learnt(**some)

    assert fold_norms(learnt, some) == 2
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in learnt.modules())
    assert torch.allclose(before, learnt(**some), atol=1e-4)


@pytest.mark.parametrize("learns", [True, False])
def test_the_shift_of_a_folded_norm_learns_as_its_convolution_does(learns):
    layers = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.BatchNorm2d(2)).eval()
    layers[0].weight.requires_grad_(learns)

    fold_norms(layers, {"input": torch.rand(2, 1, 4, 4)})

    assert layers[0].bias.requires_grad is learns


def test_a_norm_whose_convolution_is_used_elsewhere_is_refused():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.norm = nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)
            self.norm.running_mean += 3

        def forward(self, x):
            out = self.layer(x)
            return self.norm(out) + 5 * out

    with pytest.raises(ModelError, match="must say the same"):
        fold_norms(Shared(), {"x": torch.rand(2, 1, 4, 4)})


def test_a_layer_that_is_kept_stays_in_float(learnt, some):
    made = prepare(learnt, some, keep=["answer"])

    assert isinstance(made.answer[0], nn.Linear)
    assert not isinstance(made.features[0], nn.Conv2d)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_it_learns_under_rounding_on_a_gpu(learnt, some):
    x = some["x"].cuda()
    made = prepare(learnt.cuda(), {"x": x})
    calibrate(made, [{"x": x}])

    made(x).sum().backward()

    assert all(torch.isfinite(p.grad).all() for p in made.parameters() if p.grad is not None)
