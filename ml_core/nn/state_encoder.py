"""Words that a larger network has read already, brought to a width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class StateEncoder(nn.Module):
    """Project the states of a frozen text network, each with its two neighbours.

    Shapes: states (n, length, given), zero where there is no word -> (n, length, width).
    """

    def __init__(self, given: int, width: int = 64, dropout: float = 0.1) -> None:
        super().__init__()
        self.width = width
        self.enter = nn.Sequential(nn.LayerNorm(given), nn.Linear(given, width))
        self.dropout = nn.Dropout(dropout)
        self.around = nn.Conv1d(width, width, 3, padding=1)
        self.norm = nn.LayerNorm(width)

    def there(self, told: Tensor) -> Tensor:
        """Tell where there is a word."""
        return told.abs().amax(dim=-1) > 0

    def forward(self, told: Tensor) -> Tensor:
        """Read."""
        there = self.there(told).unsqueeze(-1)
        read = self.dropout(self.enter(told)) * there
        around = self.around(read.transpose(1, 2)).transpose(1, 2)
        encoded: Tensor = self.norm(read + torch.relu(around)) * there
        return encoded
