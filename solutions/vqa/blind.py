"""How far questions alone lead: a network that is given neither picture nor sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from ml_core.seed import generator
from ml_core.train.group import mine
from ml_core.train.loop import FitOptions, fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from ml_core.tracking.run import Run
    from solutions.vqa.lesson import Lesson
    from solutions.vqa.network import AnswerNetwork
    from solutions.vqa.options import VqaOptions
    from solutions.vqa.reading import Reader

EPOCHS = 5
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Blind:
    """A network that has only read questions."""

    network: AnswerNetwork

    def guesses(self, reader: Reader, questions: Sequence[str]) -> NDArray[np.int64]:
        """Return answers by number, without looking. Shapes: n questions -> (n,)."""
        different = list(dict.fromkeys(questions))
        guess = self._guess(torch.from_numpy(reader.read(different)))
        place = {question: index for index, question in enumerate(different)}
        return guess[[place[question] for question in questions]]

    def _guess(self, words: Tensor) -> NDArray[np.int64]:
        self.network.eval()
        with torch.no_grad():
            parts = [
                _said(self.network, words[start : start + _ROWS]).argmax(dim=1).numpy()
                for start in range(0, max(1, len(words)), _ROWS)
            ]
        return np.concatenate(parts)


def learn_blind(
    network: AnswerNetwork, lesson: Lesson, valid: Lesson, options: VqaOptions, run: Run
) -> Blind:
    """Learn from questions and answers alone."""

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = generator(run.seed, f"blind-{epoch}").permutation(len(lesson))
        for part in np.array_split(order, max(1, len(order) // _ROWS)):
            rows = mine(part)
            yield lesson.short(rows), torch.from_numpy(lesson.answers[rows])

    def step(module: AnswerNetwork, batch: tuple[Tensor, Tensor]) -> Tensor:
        return functional.cross_entropy(_said(module, batch[0]), batch[1])

    def validate(module: AnswerNetwork) -> dict[str, float]:
        every = np.array_split(np.arange(len(valid)), max(1, len(valid) // _ROWS))
        right = [
            (_said(module, valid.short(rows)).argmax(dim=1).numpy() == valid.answers[rows]).sum()
            for rows in every
        ]
        return {"blind_valid_accuracy": float(sum(right) / len(valid))}

    fit(
        network, batches, step, run=run, validate=validate,
        options=FitOptions(epochs=EPOCHS, lr=options.lr, strategy=options.strategy),
        monitor="blind_valid_accuracy", weigh=lambda batch: len(batch[1]),
        steps_per_epoch=max(1, len(lesson) // _ROWS), checkpoint=run.checkpoint("blind"),
    )  # fmt: skip
    return Blind(network)


def _said(network: AnswerNetwork, words: Tensor) -> Tensor:
    return network.over(torch.zeros(len(words), 1, network.eye.width), words)[0]
