"""Words as vectors: an embedding, where each stands, and a short look around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

PAD, UNKNOWN = 0, 1


class WordEncoder(nn.Module):
    """Embedded words, each read with its two neighbours.

    Shapes: (n, length) ids, 0 where there is none -> (n, length, width).
    """

    def __init__(self, n_words: int, width: int = 64, length: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_words, width, padding_idx=PAD)
        self.place = nn.Parameter(torch.randn(length, width) * 0.02)
        self.around = nn.Conv1d(width, width, 3, padding=1)
        self.norm = nn.LayerNorm(width)

    def forward(self, words: Tensor) -> Tensor:
        """Read."""
        there = (words != PAD).unsqueeze(-1)
        read = (self.embedding(words) + self.place) * there
        around = self.around(read.transpose(1, 2)).transpose(1, 2)
        encoded: Tensor = self.norm(read + torch.relu(around)) * there
        return encoded
