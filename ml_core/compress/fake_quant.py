"""Quantisation that a network can learn under: rounded as eight bits would, differentiated as is.

Symmetric, eight bits: q = clip(round(x / scale), low, high), x' = q scale. Weights go from -127 to
127, with a scale for each output channel, taken from the weights of the moment. What flows between
the layers has one scale, which an observer has found on real data before, and goes from -128 to
127, or from 0 to 255 behind a ReLU, whose cut the clip then is.
Source: Jacob et al., "Quantization and training of neural networks" (CVPR 2018), section 3, with
the straight-through gradient of Bengio et al. (2013), which is zero where the range is left. We
depart from the first in that zero points are zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 127
SIGNED, UNSIGNED = (-128, 127), (0, 255)
TINY = 1e-8
WHOLE = -1  # the axis that says: one scale for all
Range = Literal["min_max", "percentile"]


@torch.library.custom_op("assay::fake_quantise", mutates_args=())
def fake_quantise(x: Tensor, scale: Tensor, axis: int, low: int, high: int) -> Tensor:
    """Round to eight bits and back. Shapes: x any, scale () or (x.shape[axis],) -> as x."""
    zero = torch.zeros(scale.shape, dtype=torch.int32, device=x.device)
    if axis == WHOLE:
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, low, high)
    return torch.fake_quantize_per_channel_affine(x, scale, zero, axis, low, high)


@fake_quantise.register_fake
def _(x: Tensor, scale: Tensor, axis: int, low: int, high: int) -> Tensor:  # noqa: ARG001  as the operation
    return torch.empty_like(x)


@torch.library.custom_op("assay::dequantise", mutates_args=())
def dequantise(whole: Tensor, scale: Tensor, axis: int) -> Tensor:
    """Return what whole numbers stand for. Shapes: whole any integer, scale (k,) -> as whole."""
    return whole.to(scale.dtype) * along(scale, axis, whole.ndim)


@dequantise.register_fake
def _(whole: Tensor, scale: Tensor, axis: int) -> Tensor:  # noqa: ARG001  as the operation
    return torch.empty_like(whole, dtype=scale.dtype)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001  as asked for
    x, scale, *rest = inputs
    ctx.save_for_backward(x, scale)
    ctx.axis, ctx.low, ctx.high = rest


def _straight_through(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    x, scale = ctx.saved_tensors
    wide = scale if ctx.axis == WHOLE else along(scale, ctx.axis, x.ndim)
    inside = (x >= (ctx.low - 0.5) * wide) & (x <= (ctx.high + 0.5) * wide)
    return gradient * inside, None, None, None, None


fake_quantise.register_autograd(_straight_through, setup_context=_remember)


def along(scale: Tensor, axis: int, ndim: int) -> Tensor:
    """Lay one number for each channel along its axis. Shapes: (k,) -> (1, .., k, .., 1)."""
    return scale.view([-1 if i == axis else 1 for i in range(ndim)])


class Observer(nn.Module):
    """What values reach: their largest size, or a high percentile of it.

    A percentile leaves out the few that would make the steps of all others coarse; it is the mean
    over what was seen, so that one odd batch does not decide. `is_cut` says that there are none
    below zero.
    """

    def __init__(self, of: Range, *, is_cut: bool = False, percent: float = 99.99) -> None:
        super().__init__()
        self.of, self.is_cut, self.percent = of, is_cut, percent
        self.reach: Tensor
        self.n_seen: Tensor
        self.register_buffer("reach", torch.tensor(0.0))
        self.register_buffer("n_seen", torch.tensor(0.0))

    @torch.no_grad()
    def see(self, x: Tensor) -> None:
        """Take a batch into account."""
        size = x.detach().abs().flatten()
        if self.of == "min_max":
            self.reach.copy_(torch.maximum(self.reach, size.max()))
        else:
            rank = max(1, round(len(size) * self.percent / 100))
            self.reach.mul_(self.n_seen).add_(size.kthvalue(rank).values).div_(self.n_seen + 1)
        self.n_seen.add_(1)

    def forget(self) -> None:
        """Begin anew."""
        self.reach.zero_()
        self.n_seen.zero_()

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the most that a whole number may be."""
        return UNSIGNED if self.is_cut else SIGNED

    @property
    def scale(self) -> Tensor:
        """The step between two whole numbers."""
        return (self.reach / self.bounds[1]).clamp(min=TINY)

    def round(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """Round values, by what was seen or by a scale of before."""
        step = self.scale if scale is None else scale
        rounded: Tensor = fake_quantise(x, step, WHOLE, *self.bounds)
        return rounded


class FakeQuantised(nn.Module):
    """A convolution or linear layer, of any subclass, with rounded inputs, weights and outputs.

    Linear layers keep their outputs as they are, which the runtime takes; convolutions must round
    them to be computed in whole numbers. `cut` is the most that the activation behind the layer
    lets through from zero up (6 for ReLU6), which this layer then does in its place; None if there
    is none. Inputs that `given`, a layer by name, has rounded already are not rounded again.

    It begins by watching and rounding nothing; `round_from_now` turns that round.
    """

    def __init__(
        self, layer: nn.Module, of: Range, *, cut: float | None = None, given: str = ""
    ) -> None:
        super().__init__()
        self.layer, self.cut, self.given = layer, cut, given
        self.enter = None if given else Observer(of)
        is_open = isinstance(layer, nn.Linear)
        self.leave = None if is_open else Observer(of, is_cut=cut is not None)
        self.is_rounding = self.has_seen = False

    def round_from_now(self) -> None:
        """Keep the ranges that were seen, and round by them."""
        self.is_rounding = True

    def forget(self) -> None:
        """Watch anew."""
        self.has_seen = False
        for observer in filter(None, (self.enter, self.leave)):
            observer.forget()

    def forward(self, x: Tensor) -> Tensor:
        """Compute the layer."""
        if not self.is_rounding:
            return self._watch(x)
        weight: Tensor = self.layer.weight  # type: ignore[assignment]  # of a layer that has one
        rounded = fake_quantise(weight, weight_scale(weight), 0, -MOST, MOST)
        out = run_with(
            self.layer, {"weight": rounded}, x if self.enter is None else self.enter.round(x)
        )
        return out if self.leave is None else self.leave.round(out)

    def _watch(self, x: Tensor) -> Tensor:
        self.has_seen = True
        if self.enter is not None:
            self.enter.see(x)
        out: Tensor = self.layer(x)
        if self.cut is not None:
            out = out.clamp(0, self.cut)
        if self.leave is not None:
            self.leave.see(out)
        return out


@torch.no_grad()
def weight_scale(weight: Tensor) -> Tensor:
    """Return the step of each output channel. Shapes: (out, ...) -> (out,)."""
    return (weight.detach().flatten(1).abs().amax(dim=1) / MOST).clamp(min=TINY)


def run_with(layer: nn.Module, state: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Run a layer with other weights than its own."""
    told: Tensor = functional_call(layer, dict(state), (x,))
    return told
