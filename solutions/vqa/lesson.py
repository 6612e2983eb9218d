"""What is learnt from: pictures, sounds and questions as numbers, each of them once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
import torch

from ml_core.errors import ConfigError
from ml_core.tracking.run import stop_if_cancelled
from solutions.vqa.hearing import hear
from solutions.vqa.pictures import square

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from ml_core.tracking.run import Run
    from solutions.api import TableBatch
    from solutions.vqa.reading import Reader

MOST_READ = 40_000  # states of different questions that fit into 1 GB


class Step(NamedTuple):
    """Some questions as tensors; `seen` and `sounded` say which picture and sound is a row's."""

    pictures: Tensor
    seen: Tensor
    sounds: Tensor
    sounded: Tensor
    heard: Tensor
    words: Tensor
    answers: Tensor


@dataclass(frozen=True, slots=True)
class Lesson:
    """Questions as numbers.

    Shapes: pictures (p, 3, side, side) u8, sounds (s, frames, 40), questions (q, 32, ...), and for
    each of n rows its picture, its sound (-1 for none), its question and its answer.
    """

    pictures: NDArray[np.uint8]
    sounds: NDArray[np.float32]
    questions: NDArray[Any]
    picture: NDArray[np.int64]
    sound: NDArray[np.int64]
    question: NDArray[np.int64]
    answers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.answers)

    def words(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the questions of some rows, all as long as a predictor gives them."""
        told = torch.from_numpy(self.questions[self.question[rows]])
        return told.float() if told.is_floating_point() else told

    def short(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the same up to the last word of the longest: what ends in nothing costs time."""
        told = self.words(rows)
        there = (told.flatten(2) if told.ndim > 2 else told.unsqueeze(2)).abs().amax(dim=(0, 2)) > 0
        return told[:, : max(1, int(there.sum()))]

    def of(self, rows: NDArray[np.int64]) -> Step:
        """Return some questions as tensors, each picture and sound once."""
        seen, place = np.unique(self.picture[rows], return_inverse=True)
        has_sound = self.sound[rows] >= 0
        sounded, when = np.unique(self.sound[rows][has_sound], return_inverse=True)
        sound_place = np.zeros(len(rows), np.int64)
        sound_place[has_sound] = when
        return Step(
            torch.from_numpy(self.pictures[seen]).float() / 255, torch.from_numpy(place),
            torch.from_numpy(self.sounds[sounded]), torch.from_numpy(sound_place),
            torch.from_numpy(has_sound), self.short(rows), torch.from_numpy(self.answers[rows]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How rows become numbers: who reads, what may be answered, sizes of picture and sound."""

    reader: Reader
    answers: Sequence[str]
    side: int
    frames: int

    def lesson(self, batch: TableBatch, run: Run) -> Lesson:
        """Read all that a batch speaks of."""
        frame = batch.targets
        names, picture = _once(frame["picture"])
        pictures = np.empty((len(names), 3, self.side, self.side), np.uint8)
        for index, name in enumerate(names):
            stop_if_cancelled(run)
            pictures[index] = square(batch.media, name, self.side)
        heard, sound = _once(frame["sound"]) if self.frames else ([], np.full(len(frame), -1))
        stop_if_cancelled(run)
        asked, question = _once(frame["question"])
        sounds = hear(batch.media, heard, self.frames).mels
        return Lesson(
            pictures, sounds, self._read(asked), picture, sound, question, self.labels(frame)
        )

    def labels(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        """Return answers by number; one that was never learnt cannot be given: -1, it is wrong."""
        ids = {answer: index for index, answer in enumerate(self.answers)}
        return frame["answer"].replace_strict(ids, default=-1, return_dtype=pl.Int64).to_numpy()

    def _read(self, questions: Sequence[str]) -> NDArray[Any]:
        told = self.reader.read(questions)
        if told.dtype != np.float32:
            return told
        if len(questions) > MOST_READ:
            message = (
                f"minilm learns from at most {MOST_READ:,} different questions. Got "
                f"{len(questions):,}. Choose the text encoder own, or give fewer."
            )
            raise ConfigError(message)
        return told.astype(np.float16)


def _once(column: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """Return what is named, each once in order, and which of it each row names, -1 for none."""
    names = column.drop_nulls().unique(maintain_order=True).to_list()
    place = {name: index for index, name in enumerate(names)}
    which = column.replace_strict(place, default=-1, return_dtype=pl.Int64).to_numpy()
    return names, which
