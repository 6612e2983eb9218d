"""Which layer is given exactly what another gave, seen by running a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ml_core.errors import ModelError
from ml_core.runtime.parity import largest

if TYPE_CHECKING:
    from collections.abc import Mapping

    Kinds = tuple[type[nn.Module], ...]

CLOSE = 1e-3


def chains(
    module: nn.Module, examples: Mapping[str, Tensor], givers: Kinds, takers: Kinds
) -> dict[str, list[str]]:
    """Return taker -> givers, by name, for each taker all whose inputs are outputs of givers.

    The network is run and tensors are compared by identity, so no name or order is guessed. A
    taker that is called several times may have several givers.
    """
    made: list[tuple[Tensor, str]] = []  # held, so that no two share an address
    found: dict[str, set[str]] = {}

    def gave(name: str) -> Any:
        return lambda _layer, _given, out: made.append((out, name))

    def got(name: str) -> Any:
        def look(_layer: nn.Module, given: tuple[Tensor, ...]) -> None:
            last = [giver for out, giver in made if out is given[0]][-1:]
            found.setdefault(name, set()).update(last or [""])

        return look

    hooks = []
    for name, layer in module.named_modules():
        if isinstance(layer, takers):
            hooks.append(layer.register_forward_pre_hook(got(name)))
        if isinstance(layer, givers):
            hooks.append(layer.register_forward_hook(gave(name)))
    try:
        told(module, examples)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: sorted(all_) for name, all_ in found.items() if "" not in all_}


def told(module: nn.Module, examples: Mapping[str, Tensor]) -> list[Tensor]:
    """Return all outputs of a network, asked without gradients."""
    module.eval()
    with torch.no_grad():
        said = module(**examples)
    return list(said) if isinstance(said, tuple | list) else [said]


def require_same(before: list[Tensor], after: list[Tensor]) -> None:
    """Stop if a network says something else than before it was rebuilt.

    Raises: ModelError: if an output differs by more than a thousandth of the largest.
    """
    apart = largest([float((a - b).abs().max()) for a, b in zip(before, after, strict=True)])
    size = max(1.0, *(float(a.abs().max()) for a in before))
    if not apart <= CLOSE * size:
        message = (
            f"A rebuilt network must say the same as before. Got a difference of {apart:g}. "
            "Give each norm and activation a convolution of its own."
        )
        raise ModelError(message)
