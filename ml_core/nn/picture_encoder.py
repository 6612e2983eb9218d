"""A small convolutional network that makes tokens of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ml_core.nn.norms import Norm, norm_2d

if TYPE_CHECKING:
    from torch import Tensor


class SmallPictureEncoder(nn.Module):
    """Three convolutions of stride 2, and where each token lies.

    Shapes: (n, 3, side, side) in 0..1 -> (n, (side / 8)^2, width), rows first.
    """

    def __init__(self, side: int = 64, width: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        if side % 8:
            message = f"The side of a picture must be a multiple of 8. Got {side}."
            raise ValueError(message)
        self.width, self.grid = width, side // 8
        steps = [(3, 32), (32, 48), (48, width)]
        self.layers = nn.Sequential(
            *(layer for i, o in steps for layer in (
                nn.Conv2d(i, o, 3, stride=2, padding=1, bias=False), norm_2d(norm, o), nn.ReLU(),
            ))
        )  # fmt: skip
        self.place = nn.Parameter(torch.randn(self.grid**2, width) * 0.02)

    def forward(self, told: Tensor) -> Tensor:
        """Make tokens."""
        tokens: Tensor = self.layers(told).flatten(2).transpose(1, 2) + self.place
        return tokens
