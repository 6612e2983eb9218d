"""Export, parity and sessions of ONNX."""

import numpy as np
import pytest
import torch

from ml_core.device import has_cuda
from ml_core.errors import DeviceError, ModelError
from ml_core.runtime.export import to_onnx
from ml_core.runtime.parity import compare
from ml_core.runtime.session import Session


class Scorer(torch.nn.Module):
    """A row and a set of neighbours go in, a score and a summary come out."""

    def __init__(self):
        super().__init__()
        self.row = torch.nn.Linear(4, 8)
        self.near = torch.nn.GRU(3, 8, batch_first=True)

    def forward(self, row, near):
        seen, _ = self.near(near)
        hidden = torch.relu(self.row(row)) + seen[:, -1]
        return hidden.sum(1), hidden


def examples(n=5):
    torch.manual_seed(0)
    return {"row": torch.randn(n, 4), "near": torch.randn(n, 6, 3)}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(1)
    module = Scorer()
    path = to_onnx(
        module,
        examples(),
        tmp_path_factory.mktemp("onnx") / "model.onnx",
        outputs=("score", "hidden"),
    )
    return module, path


def test_the_file_agrees_with_the_network_at_other_sizes(exported):
    module, path = exported

    assert compare(module, path, examples(17)) < 1e-5


def test_the_file_stands_alone(exported):
    _, path = exported

    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]


def test_a_changed_network_is_found(exported):
    _, path = exported
    torch.manual_seed(2)

    with pytest.raises(ModelError, match="agree"):
        compare(Scorer(), path, examples())


def test_a_network_that_gives_no_number_is_found(exported, monkeypatch):
    module, path = exported
    broken = Scorer()
    broken.load_state_dict(module.state_dict())
    torch.nn.init.constant_(broken.row.bias, float("nan"))

    with pytest.raises(ModelError, match="Got nan"):
        compare(broken, path, examples())


def test_no_number_in_the_second_output_alone_is_found(exported):
    class Half(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = exported[0]

        def forward(self, row, near):
            score, hidden = self.inner(row, near)
            return score, hidden * float("nan")

    with pytest.raises(ModelError, match="Got nan"):
        compare(Half(), exported[1], examples())


def test_an_export_needs_one_free_axis(tmp_path):
    with pytest.raises(ModelError, match="first axis"):
        to_onnx(Scorer(), examples(1), tmp_path / "m.onnx", outputs=("score", "hidden"))


def test_a_session_names_its_inputs_and_outputs(exported):
    session = Session(exported[1], threads=1)

    assert session.inputs == {"row": ["batch", 4], "near": ["batch", 6, 3]}
    assert session.outputs == ("score", "hidden")


def test_a_session_takes_no_rows(exported):
    session = Session(exported[1], device="cpu", threads=1)

    result = session.run({name: value[:0].numpy() for name, value in examples().items()})

    assert result["score"].shape == (0,)


@pytest.mark.parametrize(
    "change",
    [
        lambda inputs: inputs.pop("near"),
        lambda inputs: inputs.update(extra=np.zeros((5, 1), np.float32)),
        lambda inputs: inputs.update(row=np.zeros((5, 3), np.float32)),
        lambda inputs: inputs.update(row=np.zeros((5, 4), np.float64)),
    ],
    ids=["missing", "unknown", "shape", "type"],
)
def test_a_session_refuses_wrong_inputs(exported, change):
    inputs = {name: value.numpy() for name, value in examples().items()}
    change(inputs)

    with pytest.raises(ModelError):
        Session(exported[1], threads=1).run(inputs)


def test_a_damaged_file_is_refused(exported, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(exported[1].read_bytes()[:300])

    with pytest.raises(ModelError, match="whole ONNX file"):
        Session(path)


@pytest.mark.skipif(has_cuda(), reason="there is a CUDA device here")
def test_cuda_is_refused_where_there_is_none(exported):
    with pytest.raises(DeviceError, match="cpu"):
        Session(exported[1], device="cuda")


def test_auto_runs_where_it_can(exported):
    assert Session(exported[1]).device in {"cpu", "cuda"}
