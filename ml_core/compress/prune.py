"""Structured pruning: channels with the smallest L1 norms go, and what depended on them with them.

The norm is the mean over all weights that a channel would take along: its own, and those that read
it, each layer scaled by its mean.
Source: Li et al., "Pruning filters for efficient ConvNets" (ICLR 2017), section 3; which layers
must lose the same channels is worked out by Torch-Pruning (Fang et al., "DepGraph", CVPR 2023).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch_pruning as tp
from torch import nn

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from torch import Tensor

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
LAYERS = (*CONVOLUTIONS, nn.Linear)


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a network is: numbers it has learnt, channels, and multiplications a row."""

    parameters: int
    channels: int
    macs: int

    def share_left(self, of: Extent) -> Extent:
        """Return percent of each that are left of another, rounded."""
        pairs = zip(self.as_tuple(), of.as_tuple(), strict=True)
        return Extent(*(round(100 * a / max(1, b)) for a, b in pairs))

    def as_tuple(self) -> tuple[int, int, int]:
        """Return parameters, channels, multiplications."""
        return self.parameters, self.channels, self.macs


def extent(module: nn.Module, examples: Mapping[str, Tensor]) -> Extent:
    """Measure a network; multiplications and additions are counted for one row of the examples."""
    one = {name: tensor[:1] for name, tensor in examples.items()}
    counted: list[int] = []

    def count(layer: nn.Module, _given: Any, out: Tensor) -> None:
        # Each output is a sum over the weights of one output channel.
        weight: Tensor = layer.weight  # type: ignore[assignment]  # of a layer that has one
        counted.append(out.numel() * weight[0].numel())

    layers = [layer for layer in module.modules() if isinstance(layer, LAYERS)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    was_learning = module.training
    module.eval()
    try:
        with torch.no_grad():
            module(**one)
    finally:
        module.train(was_learning)
        for hook in hooks:
            hook.remove()
    channels = sum(layer.weight.shape[0] for layer in layers)
    return Extent(sum(p.numel() for p in module.parameters()), channels, sum(counted))


def prune(
    module: nn.Module,
    examples: Mapping[str, Tensor],
    share: float,
    *,
    free: Collection[nn.Module],
    rounds: int = 1,
    tune: Callable[[int], None] | None = None,
) -> tuple[Extent, Extent]:
    """Take a share of the channels out of the `free` layers, in place; return before and after.

    After each round `tune(round)` may train what is left; the shares of all rounds add up. Layers
    that are not free keep all outputs, and lose the inputs that are gone. Channels stay a multiple
    of eight, which processors like, where there are that many.

    Raises: ConfigError: if the share is not within 0 and 1, or nothing is free.
    """
    if not 0 < share < 1 or not free:
        message = (
            f"A share above 0 and below 1 of some free layers must be given to prune. Got {share} "
            f"of {len(free)} layers. Give another share, or name the layers."
        )
        raise ConfigError(message)
    before = extent(module, examples)
    frozen = [name for name, p in module.named_parameters() if not p.requires_grad]
    module.eval().requires_grad_(requires_grad=True)  # the graph is read from gradients
    pruner = _pruner(module, examples, share, free, rounds)
    for index in range(rounds):
        # The mean of a network that was trained in between must not be pruned by old gradients.
        module.eval().requires_grad_(requires_grad=True)
        pruner.step()
        _freeze(module, frozen)
        if tune is not None:
            tune(index)
    return before, extent(module, examples)


def _pruner(
    module: nn.Module, examples: Mapping[str, Tensor], share: float, free: Collection[nn.Module],
    rounds: int,
) -> Any:  # fmt: skip
    open_layers = set(free)
    kept = [m for m in module.modules() if isinstance(m, LAYERS) and m not in open_layers]
    least = min(_width(layer) for layer in open_layers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters without a layer, which keep their size
        return tp.pruner.MetaPruner(
            module, {name: tensor[:2] for name, tensor in examples.items()},
            forward_fn=lambda network, given: network(**given),
            importance=tp.importance.MagnitudeImportance(p=1), pruning_ratio=share,
            ignored_layers=kept, iterative_steps=rounds, round_to=8 if least >= 16 else None,
        )  # fmt: skip


def _width(layer: nn.Module) -> int:
    weight: Tensor = layer.weight  # type: ignore[assignment]  # only such layers are free
    return weight.shape[0]


def _freeze(module: nn.Module, names: Collection[str]) -> None:
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name not in names)
