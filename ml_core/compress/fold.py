"""Batch norms folded into the convolutions before them, which then compute the same alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ml_core.compress.chains import chains, require_same, told

if TYPE_CHECKING:
    from collections.abc import Mapping

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def fold_norms(module: nn.Module, examples: Mapping[str, Tensor]) -> int:
    """Fold each batch norm that follows a convolution, in place; return how many.

    Raises: ModelError: if the network says something else afterwards, as it would if a
        convolution's output were used elsewhere, too.
    Source: Jacob et al., "Quantization and training of neural networks" (CVPR 2018), section 3.2.
    """
    before = told(module, examples)
    found = chains(module, examples, CONVOLUTIONS, NORMS)
    pairs = {norm: layers for norm, layers in found.items() if len(layers) == 1}
    for norm, [layer] in pairs.items():
        _fold(module.get_submodule(layer), module.get_submodule(norm))
        module.set_submodule(norm, nn.Identity())
    require_same(before, told(module, examples))
    return len(pairs)


def _fold(layer: Any, norm: Any) -> None:
    learns = layer.weight.requires_grad
    layer.weight, layer.bias = fuse_conv_bn_weights(
        layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight,
        norm.bias,
    )  # fmt: skip
    # torch freezes a bias that was not there before; it holds the norm's shift, which has to learn.
    layer.bias.requires_grad_(learns)
