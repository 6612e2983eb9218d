"""Low-rank layers: a matrix as the product of two thinner ones, where that saves work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor


def factorise(
    module: nn.Module, energy: float = 0.98, *, keep: Collection[nn.Module] = ()
) -> dict[str, int]:
    """Replace linear layers and 1 x 1 convolutions by two of lower rank; return name -> rank.

    The rank is the least whose squared singular values hold `energy` of all. A layer of m inputs
    and n outputs is replaced only if rank (m + n) < m n, else it would cost more than before.

    Raises: ConfigError: if the energy is not within 0 and 1.
    Source: Denton et al., "Exploiting linear structure within convolutional networks" (NeurIPS
    2014), section 3.3, for a kernel of one place.
    """
    if not 0 < energy <= 1:
        message = f"The energy to keep must be above 0, and at most 1. Got {energy}. Use 0.98."
        raise ConfigError(message)
    ranks: dict[str, int] = {}
    for path, layer in list(module.named_modules()):
        if layer in keep or not _is_matrix(layer):
            continue
        first, last = _factors(layer, energy)
        m, n = first.shape[1], last.shape[0]
        rank = len(first)
        if rank * (m + n) < m * n:
            module.set_submodule(path, _two(layer, first, last))
            ranks[path] = rank
    return ranks


def _is_matrix(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        # Not a subclass, which may do more than convolve.
        return type(layer) is nn.Conv2d and layer.kernel_size == (1, 1) and layer.groups == 1
    return type(layer) is nn.Linear


def _factors(layer: nn.Module, energy: float) -> tuple[Tensor, Tensor]:
    """Return factors whose product is near the weight. Shapes: -> (rank, m), (n, rank)."""
    weight: Tensor = layer.weight  # type: ignore[assignment]  # of a layer that has one
    u, s, v = torch.linalg.svd(weight.detach().flatten(1), full_matrices=False)
    kept = s.square().cumsum(0) / s.square().sum().clamp(min=1e-30)
    rank = min(len(s), int((kept < energy).sum()) + 1)
    root = s[:rank].sqrt()
    return root[:, None] * v[:rank], u[:, :rank] * root


def _two(layer: nn.Module, first: Tensor, last: Tensor) -> nn.Sequential:
    rank, bias = len(first), getattr(layer, "bias", None)
    if isinstance(layer, nn.Conv2d):
        steps: Any = {"stride": layer.stride, "padding": layer.padding}
        a: nn.Module = nn.Conv2d(layer.in_channels, rank, 1, bias=False, **steps)
        b: nn.Module = nn.Conv2d(rank, layer.out_channels, 1, bias=bias is not None)
        first, last = first[:, :, None, None], last[:, :, None, None]
    else:
        a = nn.Linear(first.shape[1], rank, bias=False)
        b = nn.Linear(rank, last.shape[0], bias=bias is not None)
    state = {"weight": last} | ({} if bias is None else {"bias": bias.detach()})
    a.load_state_dict({"weight": first})
    b.load_state_dict(state)
    return nn.Sequential(a, b)
