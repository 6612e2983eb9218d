"""Learning to answer, and writing the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch.nn import functional

from ml_core.errors import DataError, Issue
from ml_core.runtime.export import to_onnx
from ml_core.runtime.parity import compare
from ml_core.seed import generator, seed_all
from ml_core.tracking.run import stop_if_cancelled
from ml_core.train.loop import FitOptions, History, fit
from solutions.api import Trained
from solutions.bundle import write_card
from solutions.vqa.card import LIMITS, PURPOSE
from solutions.vqa.network import AnswerNetwork
from solutions.vqa.pictures import square
from solutions.vqa.scoring import Preparation
from solutions.vqa.words import to_ids, vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from ml_core.tracking.run import Run
    from ml_core.typing import FloatArray
    from solutions.api import Solution, Split, TableBatch
    from solutions.vqa.options import VqaOptions

BLIND_EPOCHS = 5
MOST_ANSWERS = 1000
Step = tuple["Tensor", "Tensor", "Tensor", "Tensor"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Questions as numbers. Shapes: pictures (p, 3, side, side) u8, others one per question."""

    pictures: NDArray[np.uint8]
    which: NDArray[np.int64]
    words: NDArray[np.int64]
    answers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.which)

    def of(self, rows: NDArray[np.int64]) -> Step:
        """Return some questions as tensors, each picture once."""
        seen, place = np.unique(self.which[rows], return_inverse=True)
        pictures = torch.from_numpy(self.pictures[seen]).float() / 255
        parts = (place, self.words[rows], self.answers[rows])
        return (pictures, *(torch.from_numpy(np.ascontiguousarray(p)) for p in parts))  # type: ignore[return-value]


def train(
    solution: Solution[VqaOptions], data: Split, options: VqaOptions, run: Run, out: Path
) -> Trained:
    """Learn, calibrate, export, and measure on pictures that were never seen."""
    seed_all(run.seed)
    answers = _answers(data.train)
    words = vocabulary(data.train.targets["question"])
    run.stage("reading pictures")
    lesson, valid = (
        _lesson(part, words, answers, options, run) for part in (data.train, data.valid)
    )
    run.stage("learning")
    network = AnswerNetwork(len(words) + 2, len(answers), options)
    history = _fit(network, lesson, valid, options, run)
    run.log(f"Best after epoch {history.best_epoch}; ended by {history.stopped}.")
    temperature = _temperature(*_odds(network, valid))
    run.stage("learning blind")
    blind = _blind(lesson, valid, words, answers, options, run)
    run.stage("exporting")
    parity = _export(network, lesson, out)
    Preparation(
        answers=tuple(answers), words=tuple(words), temperature=temperature,
        side=options.image_size,
    ).save(out)  # fmt: skip
    run.stage("measuring")
    metrics = _measured(solution, data, out, blind, words, answers)
    write_card(
        out, purpose=PURPOSE, limits=LIMITS, rows="questions", data=data, options=options,
        metrics=metrics, parity=parity, seed=run.seed,
    )  # fmt: skip
    for name, value in metrics.items():
        run.metric(name, value)
    return Trained(out, metrics)


def _answers(batch: TableBatch) -> list[str]:
    found = sorted(batch.targets["answer"].drop_nulls().unique().to_list())
    if not 2 <= len(found) <= MOST_ANSWERS:
        message = (
            f"There must be 2 to {MOST_ANSWERS:,} different answers to learn. Got {len(found):,}. "
            "Answers are chosen from those that were seen, not written: keep them short."
        )
        raise DataError(Issue("answers", message, column="answer"))
    return found


def _lesson(
    batch: TableBatch, words: Sequence[str], answers: Sequence[str], options: VqaOptions, run: Run
) -> Lesson:
    frame = batch.targets
    names = frame["picture"].unique(maintain_order=True).to_list()
    pictures = np.empty((len(names), 3, options.image_size, options.image_size), np.uint8)
    for index, name in enumerate(names):
        stop_if_cancelled(run)
        pictures[index] = square(batch.media, name, options.image_size)
    place = {name: index for index, name in enumerate(names)}
    which = frame["picture"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    return Lesson(pictures, which, *_as_numbers(frame, words, answers))


def _as_numbers(
    frame: pl.DataFrame, words: Sequence[str], answers: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the words of questions and their answers. Shapes: -> (n, words), (n,)."""
    ids = {answer: index for index, answer in enumerate(answers)}
    # An answer that was never seen in training cannot be given: it counts as wrong.
    label = frame["answer"].replace_strict(ids, default=-1, return_dtype=pl.Int64).to_numpy()
    return to_ids(frame["question"].to_list(), words), label


def _fit(
    network: AnswerNetwork, lesson: Lesson, valid: Lesson, options: VqaOptions, run: Run
) -> History:
    def step(module: AnswerNetwork, batch: Step) -> Tensor:
        pictures, place, words, answers = batch
        odds, _ = module.over(module.eye(pictures)[place], words)
        return functional.cross_entropy(odds, answers)

    def validate(module: AnswerNetwork) -> dict[str, float]:
        odds, truth = _odds(module, valid)
        return {"valid_accuracy": float((odds.argmax(axis=1) == truth).mean())}

    n_pictures = len(lesson.pictures)
    return fit(
        network, _by_picture(lesson, options, run), step,
        run=run, options=_fit_options(options), validate=validate, monitor="valid_accuracy",
        steps_per_epoch=-(-n_pictures // options.pictures_per_step),
    )  # fmt: skip


def _fit_options(options: VqaOptions) -> FitOptions:
    return FitOptions(
        epochs=options.epochs, lr=options.lr, weight_decay=1e-2, warmup_fraction=0.05,
        max_seconds=60 * options.minutes, ema_decay=0.99,
    )  # fmt: skip


def _by_picture(lesson: Lesson, options: VqaOptions, run: Run) -> Callable[[int], Iterator[Step]]:
    """Take all questions of some pictures at once: each picture is looked at once a step."""
    order = np.argsort(lesson.which, kind="stable")
    starts = np.searchsorted(lesson.which[order], np.arange(len(lesson.pictures) + 1))

    def batches(epoch: int) -> Iterator[Step]:
        pictures = generator(run.seed, f"epoch-{epoch}").permutation(len(lesson.pictures))
        for first in range(0, len(pictures), options.pictures_per_step):
            chosen = pictures[first : first + options.pictures_per_step]
            yield lesson.of(np.concatenate([order[starts[p] : starts[p + 1]] for p in chosen]))

    return batches


def _odds(network: AnswerNetwork, lesson: Lesson) -> tuple[FloatArray, NDArray[np.int64]]:
    network.eval()
    parts = []
    with torch.no_grad():
        for rows in np.array_split(np.arange(len(lesson)), max(1, len(lesson) // 512)):
            pictures, place, words, _ = lesson.of(rows)
            parts.append(network.over(network.eye(pictures)[place], words)[0].double().numpy())
    return np.concatenate(parts), lesson.answers


def _temperature(odds: FloatArray, truth: NDArray[np.int64]) -> float:
    """Return by what to divide odds, so that confidence is the share that is right.

    Source: Guo et al., "On calibration of modern neural networks" (ICML 2017), section 4.2.
    """
    known = truth >= 0
    tries = np.geomspace(0.2, 8, 80)
    losses = [_nll(odds[known] / one, truth[known]) for one in tries]
    return float(tries[int(np.argmin(losses))])


def _nll(odds: FloatArray, truth: NDArray[np.int64]) -> float:
    top = odds.max(axis=1, keepdims=True)
    total = top[:, 0] + np.log(np.exp(odds - top).sum(axis=1))
    return float((total - odds[np.arange(len(truth)), truth]).mean())


@dataclass(frozen=True, slots=True)
class Blind:
    """A network that has only read questions."""

    network: AnswerNetwork

    def accuracy(self, words: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
        """Return the share of questions that it answers right without a picture."""
        self.network.eval()
        with torch.no_grad():
            odds, _ = self.network.over(_nothing(self.network, len(words)), torch.from_numpy(words))
        return float((odds.argmax(dim=1).numpy() == truth).mean())


def _nothing(network: AnswerNetwork, n: int) -> Tensor:
    return torch.zeros(n, 1, network.eye.width)


def _blind(
    lesson: Lesson,
    valid: Lesson,
    words: Sequence[str],
    answers: Sequence[str],
    options: VqaOptions,
    run: Run,
) -> Blind:
    network = AnswerNetwork(len(words) + 2, len(answers), options)

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = generator(run.seed, f"blind-{epoch}").permutation(len(lesson))
        for rows in np.array_split(order, max(1, len(order) // 256)):
            yield torch.from_numpy(lesson.words[rows]), torch.from_numpy(lesson.answers[rows])

    def step(module: AnswerNetwork, batch: tuple[Tensor, Tensor]) -> Tensor:
        odds, _ = module.over(_nothing(module, len(batch[0])), batch[0])
        return functional.cross_entropy(odds, batch[1])

    def validate(module: AnswerNetwork) -> dict[str, float]:
        return {"blind_valid_accuracy": Blind(module).accuracy(valid.words, valid.answers)}

    steps = max(1, len(lesson) // 256)
    fit(
        network, batches, step, run=run, options=FitOptions(epochs=BLIND_EPOCHS, lr=options.lr),
        validate=validate, monitor="blind_valid_accuracy", steps_per_epoch=steps,
    )  # fmt: skip
    return Blind(network)


def _export(network: AnswerNetwork, lesson: Lesson, out: Path) -> float:
    rows = np.arange(min(8, len(lesson)))
    rows = rows if len(rows) > 1 else np.zeros(2, dtype=np.int64)
    pictures, place, words, _ = lesson.of(rows)
    examples = {"picture": pictures[place], "words": words}
    path = to_onnx(network, examples, out / "model.onnx", outputs=("odds", "looked"))
    return compare(network, path, examples)


def _measured(
    solution: Solution[VqaOptions],
    data: Split,
    out: Path,
    blind: Blind,
    words: Sequence[str],
    answers: Sequence[str],
) -> dict[str, Any]:
    predictor = solution.load(out, "cpu")
    metrics = dict(solution.evaluate(predictor.predict(data.test), data.test))
    frame = data.test.targets
    names = frame["picture"].unique(maintain_order=True).to_list()
    other = dict(zip(names, names[1:] + names[:1], strict=True))
    mixed = data.test.over(frame.with_columns(pl.col("picture").replace_strict(other)))
    metrics["shuffled_accuracy"] = solution.evaluate(predictor.predict(mixed), mixed)["accuracy"]
    metrics["blind_accuracy"] = blind.accuracy(*_as_numbers(frame, words, answers))
    return metrics
