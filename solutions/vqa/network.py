"""The network: words look at the picture twice, and their mean names the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ml_core.nn.cross_modal import CrossModal
from ml_core.nn.picture_encoder import SmallPictureEncoder
from ml_core.nn.word_encoder import PAD, WordEncoder
from solutions.vqa.words import LENGTH

if TYPE_CHECKING:
    from torch import Tensor

    from solutions.vqa.options import VqaOptions


class AnswerNetwork(nn.Module):
    """Shapes: picture (n, 3, side, side), words (n, 32) -> odds (n, answers), looked (n, cells)."""

    def __init__(self, n_words: int, n_answers: int, options: VqaOptions) -> None:
        super().__init__()
        self.eye = SmallPictureEncoder(options.image_size, options.width)
        self.reader = WordEncoder(n_words, options.width, LENGTH)
        self.look = CrossModal(options.width, {"picture": options.width}, steps=options.steps)
        self.answer = nn.Sequential(
            nn.Linear(2 * options.width, 2 * options.width), nn.GELU(),
            nn.Linear(2 * options.width, n_answers),
        )  # fmt: skip

    def forward(self, picture: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Answer."""
        return self.over(self.eye(picture), words)

    def over(self, cells: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Answer over pictures that have been looked at already; rows are questions."""
        there = (words != PAD).unsqueeze(-1).to(cells.dtype)
        read, attention = self.look(self.reader(words), {"picture": cells})
        n_words = there.sum(dim=1).clamp(min=1)
        mean = (read * there).sum(dim=1) / n_words
        most = (read - 1e4 * (1 - there)).amax(dim=1).clamp(min=-1e3)
        looked = (attention["picture"] * there).sum(dim=1) / n_words
        return self.answer(torch.cat([mean, most], dim=1)), looked
