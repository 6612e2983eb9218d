"""Learning to answer privately: a picture with its questions and sounds is one unit."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from ml_core.security.privacy import PrivateSteps
    from solutions.vqa.lesson import Lesson
    from solutions.vqa.network import AnswerNetwork

MOST_ASKED = 16  # questions of a picture in one step; of more, others each time
UNIT = "one picture with all its questions, answers and sounds"
NOT_COVERED = (
    "the lists of words and of answers, which are those of all questions",
    "the length of the longest sound",
    "pictures of the part to choose with: the epoch and the temperature are chosen on them",
    "the figures, that of a blind network among them, and the curve of the training",
)


class Units(NamedTuple):
    """Pictures with their questions; `counts` is 0 where a picture has fewer than the others.

    Shapes: pictures (u, 3, s, s), words (u, k, 32, ...), answers, counts, heard (u, k), sounds
    (u, k, frames, 40).
    """

    pictures: Tensor
    words: Tensor
    answers: Tensor
    counts: Tensor
    sounds: Tensor
    heard: Tensor


def private_batches(
    lesson: Lesson, steps: PrivateSteps, seed: np.random.Generator
) -> Callable[[int], Iterator[Units]]:
    """Return how an epoch of units is drawn."""
    order = np.argsort(lesson.picture, kind="stable")
    starts = np.searchsorted(lesson.picture[order], np.arange(len(lesson.pictures) + 1))
    rows_of = [order[start:stop] for start, stop in pairwise(starts)]
    most = min(MOST_ASKED, max(len(rows) for rows in rows_of))

    def batches(_: int) -> Iterator[Units]:
        for chosen in steps.draws():
            yield _units(lesson, chosen, [_some(rows_of[p], most, seed) for p in chosen], most)

    return batches


def _some(rows: NDArray[np.int64], most: int, seed: np.random.Generator) -> NDArray[np.int64]:
    return rows if len(rows) <= most else seed.choice(rows, most, replace=False)


def _units(
    lesson: Lesson, pictures: NDArray[np.int64], rows: list[NDArray[np.int64]], most: int
) -> Units:
    counts = np.zeros((len(rows), most), np.float32)
    filled = np.zeros((len(rows), most), np.int64)
    for unit, mine in enumerate(rows):
        counts[unit, : len(mine)] = 1.0
        filled[unit] = np.resize(mine, most)  # repeated, and not counted
    flat = filled.reshape(-1)
    shape = (len(rows), most)
    words, sound = lesson.words(flat), lesson.sound[flat]
    sounds = lesson.sounds[np.maximum(sound, 0)] if len(lesson.sounds) else np.zeros((len(flat), 0))
    return Units(
        torch.from_numpy(lesson.pictures[pictures]).float() / 255,
        words.reshape(*shape, *words.shape[1:]),
        torch.from_numpy(lesson.answers[flat]).reshape(shape),
        torch.from_numpy(counts),
        torch.from_numpy(sounds).reshape(*shape, *sounds.shape[1:]),
        torch.from_numpy(sound >= 0).reshape(shape),
    )


def loss_of_unit(network: AnswerNetwork, batch: tuple[Tensor, ...]) -> Tensor:
    """Return the mean loss over the questions of one picture."""
    pictures, words, answers, counts, sounds, heard = (tensor[0] for tensor in batch)
    tones = None
    if network.ear is not None:
        tones = network.ear(sounds)
    cells = network.eye(pictures.unsqueeze(0))
    odds = network.over(cells.expand(len(words), -1, -1), words, tones, heard)[0]
    each = functional.cross_entropy(odds, answers, reduction="none")
    return (each * counts).sum() / counts.sum()
