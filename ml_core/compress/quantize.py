"""Eight-bit weights: after training by ONNX Runtime, or learnt under, and proof of either.

Source: ONNX Runtime's static quantisation in QDQ form, per channel
(https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""

from __future__ import annotations

import copy
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from ml_core.compress.chains import chains, require_same, told
from ml_core.compress.fake_quant import FakeQuantised, Range
from ml_core.compress.fold import CONVOLUTIONS, fold_norms
from ml_core.compress.prune import LAYERS
from ml_core.compress.quantised import strip
from ml_core.errors import ModelError
from ml_core.runtime.parity import largest
from ml_core.runtime.session import Session

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    Sample = Mapping[str, NDArray[Any]]

WEIGHTED = ("Conv", "Gemm", "MatMul")
MOST_SAMPLES = 128
CLOSE = 0.05


def post_training(
    source: Path, target: Path, samples: Iterable[Sample], *, n_in_float: int = 0
) -> Path:
    """Quantise an ONNX file by ranges seen on samples of the training part; return `target`.

    Weights are symmetric and per channel; of their eight bits seven are used, since processors
    without VNNI sum pairs in sixteen. Clip is quantised with the layers, else a range would be
    taken before ReLU6 has cut it. The first `n_in_float` convolutions stay as they are.

    Shapes: each sample has the inputs of the file by name, of one row or more.
    Raises: ModelError: if there is no sample.
    """
    reader = _Reader(samples)
    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / "clean.onnx"
        quant_pre_process(str(source), str(clean), skip_symbolic_shape=True)
        graph = onnx.load(clean).graph
        quantize_static(
            str(clean), str(target), reader, quant_format=QuantFormat.QDQ, per_channel=True,
            reduce_range=True, op_types_to_quantize=[*WEIGHTED, "Clip"],
            nodes_to_exclude=_left_out(graph, n_in_float), activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )  # fmt: skip
    strip(target)
    return target


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # the package carries no types
    def __init__(self, samples: Iterable[Sample]) -> None:
        self.samples = iter(list(islice(samples, MOST_SAMPLES)))
        self.is_fresh = True

    def get_next(self) -> dict[str, Any] | None:
        sample = next(self.samples, None)
        if sample is None and self.is_fresh:
            message = (
                "Quantisation must see some samples of the training part. Got none. Give a few."
            )
            raise ModelError(message)
        self.is_fresh = False
        return None if sample is None else dict(sample)


def _left_out(graph: Any, n_in_float: int) -> list[str]:
    """Return what stays in float: the first convolutions, and products of two activations."""
    fixed = {tensor.name for tensor in graph.initializer}
    first = [node.name for node in graph.node if node.op_type == "Conv"][:n_in_float]
    products = [
        node.name for node in graph.node if node.op_type == "MatMul" and not fixed & set(node.input)
    ]
    return first + products


def prepare(
    module: nn.Module,
    examples: Mapping[str, Tensor],
    *,
    keep: Collection[str] = (),
    of: Range = "percentile",
) -> nn.Module:
    """Return a copy whose norms are folded and whose layers can learn under rounding.

    Layers whose name begins with one of `keep` stay in float. The copy watches first: run samples
    through it (`calibrate`) before it is trained.

    Raises: ModelError: if the copy says something else than the network, before it rounds.
    """
    made = copy.deepcopy(module)
    before = told(made, examples)
    fold_norms(made, examples)
    cuts = _take_cuts(made, examples)
    names = [name for name, layer in made.named_modules() if isinstance(layer, LAYERS)]
    given = chains(made, examples, CONVOLUTIONS, LAYERS)
    chosen = [name for name in names if not name.startswith(tuple(keep))]
    for name in chosen:
        givers = given.get(name, [])
        giver = givers[0] if len(givers) == 1 and givers[0] in chosen else ""
        layer = made.get_submodule(name)
        made.set_submodule(name, FakeQuantised(layer, of, cut=cuts.get(name), given=giver))
    require_same(before, told(made, examples))
    for layer in _rounding(made).values():
        layer.forget()
    return made


def _take_cuts(module: nn.Module, examples: Mapping[str, Tensor]) -> dict[str, float]:
    """Take out each ReLU behind convolutions of its own; return convolution -> most it lets by."""
    cuts: dict[str, float] = {}
    for name, layers in chains(module, examples, CONVOLUTIONS, (nn.ReLU, nn.ReLU6)).items():
        activation = module.get_submodule(name)
        most = 6.0 if isinstance(activation, nn.ReLU6) else float("inf")
        cuts |= dict.fromkeys(layers, most)
        module.set_submodule(name, nn.Identity())
    return cuts


def calibrate(module: nn.Module, samples: Iterable[Mapping[str, Tensor]]) -> None:
    """Find the range of each layer's inputs, and round by it from now on.

    A layer that no sample reaches takes no part in what the network says, and stays in float.
    Raises: ModelError: if no layer has seen anything.
    """
    module.eval()
    with torch.no_grad():
        for sample in islice(samples, MOST_SAMPLES):
            module(**sample)
    layers = _rounding(module)
    if not any(layer.has_seen for layer in layers.values()):
        message = "Quantisation must see some samples of the training part. Got none. Give a few."
        raise ModelError(message)
    for name, layer in layers.items():
        if layer.has_seen:
            layer.round_from_now()
        else:
            module.set_submodule(name, layer.layer)


def _rounding(module: nn.Module) -> dict[str, FakeQuantised]:
    return {n: layer for n, layer in module.named_modules() if isinstance(layer, FakeQuantised)}


def float_weights(path: Path) -> dict[str, int]:
    """Return the float weights of layers in a file, with how many numbers each has."""
    graph = onnx.load(path).graph
    floats = {
        tensor.name: int(np.prod(tensor.dims))
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }
    layers = [node for node in graph.node if node.op_type in WEIGHTED]
    return {node.input[1]: floats[node.input[1]] for node in layers if node.input[1] in floats}


def agreement(
    module: nn.Module, path: Path, examples: Mapping[str, Tensor], *, within: float = CLOSE
) -> float:
    """Return how far an eight-bit file is from the network that learnt under rounding.

    That is the root of the mean squared difference, as a share of that of the outputs, the worst
    of all outputs. Kernels of whole numbers sum in another order, so now and then a value falls to
    the other side of its rounding: a largest difference would say more of luck than of the file.

    Raises: ModelError: if they are further apart than `within`.
    """
    wanted = told(module, examples)
    session = Session(path, device="cpu", threads=2)
    got = session.run({name: tensor.numpy() for name, tensor in examples.items()})
    worst = largest([_apart(a.numpy(), b) for a, b in zip(wanted, got.values(), strict=True)])
    if not worst <= within:
        message = (
            f"The eight-bit file must agree with its network to {within:.0%}. Got {worst:.1%}. "
            "Do not use it; look for a layer whose inputs leave their range."
        )
        raise ModelError(message)
    return worst


def _apart(wanted: NDArray[Any], got: NDArray[Any]) -> float:
    size = np.sqrt(np.mean(np.square(wanted, dtype=np.float64)))
    apart = np.sqrt(np.mean(np.square(wanted - got, dtype=np.float64)))
    return float(apart / max(size, 1e-12))


def spread(n: int, most: int = MOST_SAMPLES) -> Iterator[int]:
    """Return rows spread over n: those that follow each other often show one thing."""
    yield from np.linspace(0, n - 1, min(n, most)).astype(int).tolist()
