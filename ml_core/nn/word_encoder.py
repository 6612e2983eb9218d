"""Words as vectors: an embedding, where each stands, and a short look around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ml_core.nn.special_ids import PAD

if TYPE_CHECKING:
    from torch import Tensor


class WordEncoder(nn.Module):
    """Embedded words, each read with its two neighbours.

    Shapes: (n, at most length) ids, 0 where there is none -> (n, as many, width). Ids of nothing
    at the end change nothing.
    """

    def __init__(self, n_words: int, width: int = 64, length: int = 32) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(n_words, width, padding_idx=PAD)
        self.place = nn.Parameter(torch.randn(length, width) * 0.02)
        self.around = nn.Conv1d(width, width, 3, padding=1)
        self.norm = nn.LayerNorm(width)

    def there(self, told: Tensor) -> Tensor:
        """Tell where there is a word."""
        return told != PAD

    def forward(self, told: Tensor) -> Tensor:
        """Read."""
        there = self.there(told).unsqueeze(-1)
        read = (self.embedding(told) + self.place[: told.shape[1]]) * there
        around = self.around(read.transpose(1, 2)).transpose(1, 2)
        encoded: Tensor = self.norm(read + torch.relu(around)) * there
        return encoded
