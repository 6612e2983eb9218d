"""Static forms: they compute what the network computes, and say so where they cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ml_core.device import has_cuda
from ml_core.errors import DeviceError
from ml_core.runtime import graphs
from ml_core.runtime.agreement import difference
from ml_core.runtime.graph_cache import cached_onnx, key_of_module
from ml_core.runtime.graphs import Source, measure_forms
from ml_core.runtime.levels import measure_levels
from ml_core.runtime.session import Session


class Picture(torch.nn.Module):
    """A convolution, a norm and a head, as small as can be."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, 2), torch.nn.BatchNorm2d(4), torch.nn.ReLU()
        )
        self.head = torch.nn.Linear(4, 2)

    def forward(self, pictures):
        return self.head(self.body(pictures).mean((2, 3)))


def batch(n=2):
    return {"pictures": torch.rand(n, 3, 9, 9, generator=torch.Generator().manual_seed(n))}


def measured(module, forms, **choices):
    found = measure_forms(
        module, [batch(1), batch(3)], outputs=("odds",), forms=forms, device="cpu", threads=1,
        repeats=2, **choices,
    )  # fmt: skip
    return {(one.form, one.batch): one for one in found}


def test_static_forms_agree_with_the_network_at_each_size(tmp_path):
    found = measured(Picture(), ("exported", "onnx"), cache=tmp_path)

    assert set(found) == {(f, n) for f in ("eager", "exported", "onnx") for n in (1, 3)}
    for one in found.values():
        assert not one.problem
        assert one.difference < 1e-5
        assert one.milliseconds > 0
        assert one.speedup > 0
    assert found["eager", 3].speedup == 1.0
    assert found["onnx", 1].provider == "CPUExecutionProvider"


@pytest.mark.slow
def test_the_compiled_form_agrees(tmp_path):
    found = measured(Picture(), ("compiled",))

    assert not found["compiled", 3].problem
    assert found["compiled", 3].difference < 1e-5


def test_without_a_compiler_the_compiled_form_says_so(monkeypatch):
    monkeypatch.setattr(graphs.shutil, "which", lambda _: None)

    found = measured(Picture(), ("compiled",))

    assert "C++ compiler" in found["compiled", 1].problem
    assert found["compiled", 1].milliseconds == 0


@pytest.mark.skipif(has_cuda(), reason="there is a CUDA device here")
def test_without_a_device_a_cuda_graph_says_so():
    assert "CUDA device" in measured(Picture(), ("cuda_graph",))["cuda_graph", 1].problem


@pytest.mark.gpu
@pytest.mark.skipif(not has_cuda(), reason="there is no CUDA device here")
def test_a_cuda_graph_agrees_and_knows_other_shapes():
    built = graphs.cuda_graph(Source(Picture(), batch(), ("odds",), None, "cuda"))
    wanted = graphs.eager(Source(Picture(), batch(), ("odds",), None, "cuda"))

    for n in (2, 3, 2):
        assert difference(wanted.run(batch(n)), built.run(batch(n))) < 1e-4


def test_a_form_that_computes_something_else_is_named(monkeypatch):
    def wrong(source):
        right = graphs.eager(source)
        return graphs.Built(lambda inputs: [value + 0.01 for value in right.run(inputs)], "wrong")

    monkeypatch.setattr(graphs, "FORMS", {"eager": graphs.eager, "wrong": wrong})

    found = measured(Picture(), ("wrong",))

    assert "differs" in found["wrong", 1].problem
    assert found["wrong", 1].difference == pytest.approx(0.01, rel=1e-3)


def test_the_difference_is_infinite_where_there_is_no_number_or_another_shape():
    one = np.ones(3)

    assert difference([one], [one * np.nan]) == np.inf
    assert difference([one], [np.ones(2)]) == np.inf
    assert difference([one * 200], [one * 200 + 1]) == pytest.approx(1 / 200)


def test_an_export_is_made_once_and_anew_for_other_weights_or_code(tmp_path):
    first = cached_onnx(Picture(), batch(), ("odds",), tmp_path)
    written = first.stat().st_mtime_ns
    again = cached_onnx(Picture(), batch(5), ("odds",), tmp_path)

    class Other(Picture):
        def forward(self, pictures):
            return -super().forward(pictures)

    keys = {
        key_of_module(module, batch(), outputs)
        for module, outputs in (
            (Picture(), ("odds",)), (Picture(1), ("odds",)), (Other(), ("odds",)),
            (Picture(), ("score",)),
        )
    }  # fmt: skip
    assert (again, again.stat().st_mtime_ns) == (first, written)
    assert len(keys) == 4


def test_an_optimised_graph_is_kept_and_a_damaged_one_is_made_again(tmp_path):
    path = cached_onnx(Picture(), batch(), ("odds",), tmp_path / "files")
    plain = Session(path, "cpu", 1, level="none").run({"pictures": batch(3)["pictures"].numpy()})
    kept = tmp_path / "kept"

    sizes, answers = [], []
    for number in range(3):
        if number == 2:
            next(kept.iterdir()).write_bytes(b"cut off")
        session = Session(path, "cpu", 1, cache=kept)
        answers.append(session.run({"pictures": batch(3)["pictures"].numpy()})["odds"])
        sizes.append([file.stat().st_size for file in kept.iterdir()])

    assert sizes[0] == sizes[1] == sizes[2]
    assert len(sizes[0]) == 1
    for answer in answers:
        np.testing.assert_allclose(answer, plain["odds"], atol=1e-6)


def test_an_optimised_file_says_what_it_said_before(tmp_path):
    path = cached_onnx(Picture(), batch(), ("odds",), tmp_path)

    found = measure_levels(path, [1, 3], device="cpu", threads=1, repeats=2)

    assert [one.batch for one in found] == [1, 3]
    for one in found:
        assert one.difference < 1e-6
        assert one.provider == "CPUExecutionProvider"
        assert one.speedup == pytest.approx(one.plain_ms / one.optimised_ms)
        assert one.rows_per_s > 0


@pytest.mark.skipif(has_cuda(), reason="there is a CUDA device here")
def test_tensorrt_is_not_claimed_where_there_is_none(tmp_path):
    path = cached_onnx(Picture(), batch(), ("odds",), tmp_path)

    assert Session(path, "auto", tensorrt=True).provider == "CPUExecutionProvider"
    with pytest.raises(DeviceError):
        Session(path, "cuda", tensorrt=True)
