"""Layers with whole numbers for weights, as a file holds them, and writing that file."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import onnx
import torch
from onnxscript import opset20 as op
from torch import Tensor, nn

from ml_core.compress.fake_quant import (
    MOST,
    FakeQuantised,
    along,
    dequantise,
    run_with,
    weight_scale,
)
from ml_core.runtime.export import Translations, to_onnx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OPS: Any = op  # its types know no values that are not there yet


class Quantised(nn.Module):
    """A layer that has learnt under rounding, its weights as eight-bit whole numbers."""

    def __init__(self, made: FakeQuantised, given: Tensor) -> None:
        super().__init__()
        self.layer, self.enter, self.leave = made.layer, made.enter, made.leave
        self.whole: Tensor
        self.scale: Tensor
        self.bias: Tensor | None
        weight: Tensor = made.layer.weight.detach()  # type: ignore[operator]  # it has one
        scale = weight_scale(weight)
        whole = (weight / along(scale, 0, weight.ndim)).round().clamp(-MOST, MOST)
        self.is_linear = isinstance(made.layer, nn.Linear)
        self.register_buffer("scale", scale)
        # A product wants its matrix the other way round than torch keeps it.
        self.register_buffer("whole", (whole.T if self.is_linear else whole).to(torch.int8))
        self._keep_bias(given)
        for name, step in (("entered", made.enter), ("left", made.leave)):
            self.register_buffer(name, None if step is None else step.scale.detach().clone())
        self.layer.weight = nn.Parameter(torch.empty(0))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the layer."""
        x = x if self.enter is None else self.enter.round(x, self.entered)  # type: ignore[arg-type]
        if self.is_linear:
            out: Tensor = x @ dequantise(self.whole, self.scale, 1)
            return out if self.bias is None else out + self.bias
        state = {"weight": dequantise(self.whole, self.scale, 0)}
        if self.bias is not None:
            state["bias"] = dequantise(self.bias, self.step, 0)
        out = run_with(self.layer, state, x)
        return out if self.leave is None else self.leave.round(out, self.left)  # type: ignore[arg-type]

    def _keep_bias(self, given: Tensor) -> None:
        """Keep a linear layer's bias as it is; a convolution sums it as a whole number, too."""
        bias = getattr(self.layer, "bias", None)
        self.register_buffer("step", None)
        if bias is None or self.is_linear:
            self.register_buffer("bias", None if bias is None else bias.detach().clone())
            return
        step = given * self.scale
        self.step = step
        self.register_buffer("bias", (bias.detach() / step).round().to(torch.int32))
        self.layer.bias = nn.Parameter(torch.empty(0))


def to_int8_onnx(
    module: nn.Module, examples: Mapping[str, Tensor], path: Path, *, outputs: Sequence[str]
) -> Path:
    """Write a network that has learnt under rounding, its weights as eight-bit numbers."""
    frozen = copy.deepcopy(module).eval().requires_grad_(requires_grad=False)
    layers = {n: one for n, one in frozen.named_modules() if isinstance(one, FakeQuantised)}
    for name, layer in layers.items():
        frozen.set_submodule(name, Quantised(layer, _entering(layer, layers)))
    ops = torch.ops.assay
    table: Translations = {ops.fake_quantise.default: _round, ops.dequantise.default: _widen}
    to_onnx(frozen, examples, path, outputs=outputs, translations=table)
    strip(path)
    return path


def strip(path: Path) -> None:
    """Leave out where nodes came from, and shapes between them, worked out anew at loading."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
    onnx.save(model, path)


def _entering(layer: FakeQuantised, layers: Mapping[str, FakeQuantised]) -> Tensor:
    """Return the scale of what enters a layer."""
    step = layer.enter if layer.enter is not None else layers[layer.given].leave
    if step is None:
        message = (
            f"A layer that hands on rounded numbers must have a scale. {layer.given} has none."
        )
        raise ValueError(message)
    return step.scale.detach()


def _round(x: Any, scale: Any, axis: int, low: int, high: int) -> Any:  # noqa: ARG001  as the operation
    # Unsigned with a shifted zero, for the same numbers: the runtime wants one type on both sides
    # of a convolution, and has its fastest kernels for this one.
    shifted = onnx.helper.make_tensor("zero", onnx.TensorProto.UINT8, [], [-low])
    zero = OPS.Constant(value=shifted)
    return OPS.DequantizeLinear(OPS.QuantizeLinear(x, scale, zero), scale, zero)


def _widen(whole: Any, scale: Any, axis: int) -> Any:
    return OPS.DequantizeLinear(whole, scale, axis=axis)
