"""The network: words look at the picture and listen to the sound, and their mean answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ml_core.nn.cross_modal import CrossModal
from ml_core.nn.minilm import WIDTH as STATE_WIDTH
from ml_core.nn.picture_encoder import SmallPictureEncoder
from ml_core.nn.sound_encoder import SoundEncoder
from ml_core.nn.state_encoder import StateEncoder
from ml_core.nn.word_encoder import WordEncoder
from solutions.vqa.words import LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ml_core.nn.encoder import Encoder, TextEncoder
    from ml_core.nn.norms import Norm
    from solutions.vqa.options import VqaOptions


class AnswerNetwork(nn.Module):
    """Any encoders, cross-modal attention, and a perceptron over the mean and the most of words.

    Shapes: picture (n, 3, side, side), words (n, 32) or (n, 32, 384), sound (n, frames, 40), heard
    (n,) bool -> odds (n, answers), looked (n, cells), listened (n, tokens). With no `frames` the
    network has no ear: it takes no sound, and tells nothing of listening.
    """

    def __init__(self, n_words: int, n_answers: int, options: VqaOptions, frames: int = 0) -> None:
        super().__init__()
        width = options.width
        self.eye: Encoder = _eye(options)
        self.reader: TextEncoder = _reader(n_words, options)
        self.ear = SoundEncoder(frames, width, norm=_norm(options)) if frames else None
        senses = {"picture": width} | ({"sound": width} if frames else {})
        self.look = CrossModal(width, senses, steps=options.steps, among=options.among)
        self.answer = nn.Sequential(
            nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, n_answers)
        )

    def forward(
        self, picture: Tensor, words: Tensor, sound: Tensor | None = None,
        heard: Tensor | None = None,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Answer."""
        tones = None if self.ear is None or sound is None else self.ear(sound)
        return self.over(self.eye(picture), words, tones, heard)

    def over(
        self, cells: Tensor, words: Tensor, tones: Tensor | None = None,
        heard: Tensor | None = None, which: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Answer over what has been seen and heard already; rows are questions.

        `which` picture and which sound is a row's, if not each has its own.
        """
        ended = ~self.reader.there(words)
        there = (~ended).unsqueeze(-1).to(cells.dtype)
        tokens = {"picture": cells} | ({} if tones is None else {"sound": tones})
        hidden = {}
        if tones is not None and heard is not None:
            hidden["sound"] = (~heard).unsqueeze(1).expand(-1, tones.shape[1])
        read, attention = self.look(self.reader(words), tokens, hidden, ended, which)
        n_words = there.sum(dim=1).clamp(min=1)
        mean = (read * there).sum(dim=1) / n_words
        most = (read - 1e4 * (1 - there)).amax(dim=1).clamp(min=-1e3)
        looked = [(given * there).sum(dim=1) / n_words for given in attention.values()]
        return self.answer(torch.cat([mean, most], dim=1)), *looked


def _eye(options: VqaOptions) -> Encoder:
    if options.picture_encoder == "own":
        return SmallPictureEncoder(options.image_size, options.width, _norm(options))
    from ml_core.nn.efficientnet_lite import LitePictureEncoder  # noqa: PLC0415  with its weights

    return LitePictureEncoder(options.image_size, options.width, _norm(options))


def _norm(options: VqaOptions) -> Norm:
    # A norm over a batch would let one picture see another, and there is no privacy then.
    return "group" if options.private else "batch"


def _reader(n_words: int, options: VqaOptions) -> TextEncoder:
    if options.text_encoder == "own":
        return WordEncoder(n_words, options.width, LENGTH)
    return StateEncoder(STATE_WIDTH, options.width)
