"""Learning to answer: the loss, the order of pictures, and the calibration of what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from ml_core.seed import generator
from ml_core.train.group import mine, n_ranks
from ml_core.train.loop import History, fit
from solutions.vqa.private import loss_of_unit, private_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from ml_core.security.privacy import PrivateSteps
    from ml_core.tracking.run import Run
    from ml_core.train.options import FitOptions
    from ml_core.typing import FloatArray
    from solutions.vqa.lesson import Lesson, Step
    from solutions.vqa.network import AnswerNetwork
    from solutions.vqa.options import VqaOptions


def learn(
    network: AnswerNetwork,
    lesson: Lesson,
    valid: Lesson,
    options: VqaOptions,
    run: Run,
    *,
    steps: PrivateSteps | None = None,
) -> History:
    """Learn from all questions of some pictures at once; keep the epoch that answers best."""

    def step(module: AnswerNetwork, batch: Step) -> Tensor:
        return functional.cross_entropy(answered(module, batch), batch.answers)

    def validate(module: AnswerNetwork) -> dict[str, float]:
        odds, truth = odds_of(module, valid)
        return {"valid_accuracy": float((odds.argmax(axis=1) == truth).mean())}

    asked = fit_options(options)
    if steps is not None:
        return fit(
            network, private_batches(lesson, steps, generator(run.seed, "questions")), loss_of_unit,
            run=run, options=asked, validate=validate, monitor="valid_accuracy",
            steps_per_epoch=steps.steps_per_epoch, privacy=steps,
        )  # fmt: skip
    return fit(
        network, by_picture(lesson, options, run), step,
        run=run, options=asked, validate=validate, monitor="valid_accuracy",
        steps_per_epoch=steps_of(lesson, options),
        checkpoint=run.checkpoint("network"), weigh=lambda batch: len(batch.answers),
    )  # fmt: skip


def answered(network: AnswerNetwork, batch: Step) -> Tensor:
    """Return odds; each picture and each sound is taken in once, and tells all who ask once."""
    which, tones = {"picture": batch.seen}, None
    silence: Tensor | float = 0.0
    if network.ear is not None and len(batch.sounds):
        tones = network.ear(batch.sounds)
        which["sound"] = batch.sounded
    elif network.ear is not None and n_ranks() > 1:
        silence = network.ear(batch.sounds).sum()  # norms ask all ranks, those without sounds too
    cells = network.eye(batch.pictures)
    return network.over(cells, batch.words, tones, batch.heard, which)[0] + silence


def steps_of(lesson: Lesson, options: VqaOptions) -> int:
    """Return the steps of an epoch."""
    return -(-len(lesson.pictures) // options.pictures_per_step)


def fit_options(options: VqaOptions) -> FitOptions:
    """Return how to learn."""
    return options.fit_options(epochs=options.epochs, lr=options.lr, minutes=options.minutes)


def by_picture(lesson: Lesson, options: VqaOptions, run: Run) -> Callable[[int], Iterator[Step]]:
    """Give all questions of some pictures at a time, the pictures in another order each epoch."""
    order = np.argsort(lesson.picture, kind="stable")
    starts = np.searchsorted(lesson.picture[order], np.arange(len(lesson.pictures) + 1))

    def batches(epoch: int) -> Iterator[Step]:
        pictures = generator(run.seed, f"epoch-{epoch}").permutation(len(lesson.pictures))
        for first in range(0, len(pictures), options.pictures_per_step):
            chosen = mine(pictures[first : first + options.pictures_per_step])
            yield lesson.of(np.concatenate([order[starts[p] : starts[p + 1]] for p in chosen]))

    return batches


def odds_of(network: AnswerNetwork, lesson: Lesson) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return what a network says of a lesson, and what is right."""
    network.eval()
    with torch.no_grad():
        parts = [
            answered(network, lesson.of(rows)).double().numpy()
            for rows in np.array_split(np.arange(len(lesson)), max(1, len(lesson) // 512))
        ]
    return np.concatenate(parts), lesson.answers


def temperature(odds: FloatArray, truth: NDArray[np.int64]) -> float:
    """Return by what to divide odds, so that confidence is the share that is right.

    Source: Guo et al., "On calibration of modern neural networks" (ICML 2017), section 4.2.
    """
    known = truth >= 0
    if not known.any():
        return 1.0
    tries = np.geomspace(0.2, 8, 80)
    losses = [_nll(odds[known] / one, truth[known]) for one in tries]
    return float(tries[int(np.argmin(losses))])


def _nll(odds: FloatArray, truth: NDArray[np.int64]) -> float:
    top = odds.max(axis=1, keepdims=True)
    total = top[:, 0] + np.log(np.exp(odds - top).sum(axis=1))
    return float((total - odds[np.arange(len(truth)), truth]).mean())
