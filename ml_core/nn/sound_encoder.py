"""A small convolutional network that makes tokens of a sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ml_core.nn.norms import Norm, norm_1d

if TYPE_CHECKING:
    from torch import Tensor


class SoundEncoder(nn.Module):
    """Two convolutions of stride 2 over time, pitches as channels, and when each token is.

    Shapes: log-mel energies (n, frames, mels) -> (n, ceil(frames / 4), width).
    """

    def __init__(self, frames: int, width: int = 64, mels: int = 40, norm: Norm = "batch") -> None:
        super().__init__()
        self.width, self.n_tokens = width, -(-frames // 4)
        self.layers = nn.Sequential(
            nn.Conv1d(mels, width, 5, stride=2, padding=2, bias=False), norm_1d(norm, width),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2, bias=False), norm_1d(norm, width),
            nn.ReLU(),
        )  # fmt: skip
        self.when = nn.Parameter(torch.randn(self.n_tokens, width) * 0.02)

    def forward(self, told: Tensor) -> Tensor:
        """Make tokens."""
        tokens: Tensor = self.layers(told.transpose(1, 2)).transpose(1, 2) + self.when
        return tokens
