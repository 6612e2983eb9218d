"""Learning to find defects, and writing the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ml_core.data.labels.box import from_text
from ml_core.data.pictures import size_of
from ml_core.errors import DataError, Issue
from ml_core.runtime.export import to_onnx
from ml_core.runtime.parity import compare
from ml_core.seed import generator, seed_all
from ml_core.train.group import leave_unless_first
from ml_core.train.loop import fit
from solutions.api import Predictions, Trained
from solutions.bundle import NETWORK, write_card
from solutions.casting.card import PURPOSE, limits
from solutions.casting.decoding import decode
from solutions.casting.lesson import Lesson, changed, lesson_of
from solutions.casting.limits import PASS
from solutions.casting.measures import average_precisions, by_class
from solutions.casting.network import Detector, freeze, loss_of
from solutions.casting.quantise import quantised
from solutions.casting.scoring import CastingPredictor, Preparation
from solutions.weights import save_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from ml_core.tracking.run import Run
    from ml_core.train.loop import History
    from ml_core.train.options import FitOptions
    from solutions.api import Solution, Split, TableBatch
    from solutions.casting.options import CastingOptions

MOST_CLASSES = 100
OUTPUTS = ("boxes", "scores")
N_LOOKED_AT = 200
N_AT_ONCE = 16
# Fewer steps leave a network unsure of all it sees.
LEAST_STEPS, LEAST_EPOCHS = 900, 20


def train(
    solution: Solution[CastingOptions], data: Split, options: CastingOptions, run: Run, out: Path
) -> Trained:
    """Learn, export, quantise if asked, and measure on pictures that were never seen."""
    seed_all(run.seed)
    classes = _classes(data.train)
    run.stage("reading pictures")
    side = options.image_size or usual_side(data.train)
    lesson = lesson_of(data.train, classes, side, run)
    valid = lesson_of(data.valid, classes, side, run)
    run.stage("learning")
    network = Detector(len(classes), options)
    network.to(memory_format=torch.channels_last)  # a third less time a step on processors
    freeze(network)
    history = learn(network, lesson, valid, options, run)
    run.log(f"Best after epoch {history.best_epoch}; ended by {history.stopped}.")
    leave_unless_first()
    run.stage("exporting")
    parity = export(network, valid, out / NETWORK)
    save_weights(network, out)
    prepared = Preparation(classes=tuple(classes), side=side)
    prepared.save(out)
    prepared = prepared.model_copy(update={"clean_share": clean_share(out, data.valid)})
    prepared.save(out)
    run.stage("measuring")
    metrics, variants = _measured(solution, data, out, lesson, options)
    write_card(
        out, purpose=PURPOSE, limits=limits(metrics), rows="pictures", data=data, options=options,
        metrics=metrics, parity=parity, seed=run.seed, classes=classes, variants=variants,
        clean_share_of_passes=prepared.clean_share,
    )  # fmt: skip
    for name, value in metrics.items():
        run.metric(name, value)
    return Trained(out, metrics)


def usual_side(batch: TableBatch) -> int:
    """Return the side of the square in which most pictures keep their size, from 128 to 320."""
    names = batch.targets["picture"].to_list()[:N_LOOKED_AT]
    sides = [max(size_of(batch.media.read(name), name)) for name in names]
    return int(np.clip(32 * np.ceil(np.median(sides) / 32), 128, 320))


def usual_epochs(per_epoch: int) -> int:
    """Return how often all pictures are seen, if nobody says, at so many steps an epoch."""
    return max(LEAST_EPOCHS, -(-LEAST_STEPS // per_epoch))


def _classes(batch: TableBatch) -> list[str]:
    cells = batch.targets["boxes"]
    found = sorted({box.label for cell in cells for box in from_text(cell) or []})
    if not 1 <= len(found) <= MOST_CLASSES:
        message = (
            f"Pictures to learn from must show 1 to {MOST_CLASSES} classes of defects. "
            f"Got {len(found)}. Draw boxes on more of them."
        )
        raise DataError(Issue("classes", message, column="boxes"))
    return found


def learn(
    network: Detector, lesson: Lesson, valid: Lesson, options: CastingOptions, run: Run
) -> History:
    """Learn from drawn boxes; keep the epoch that finds best."""

    def step(module: Detector, batch: dict[str, Tensor]) -> Tensor:
        return loss_of(module, told(module, batch), batch)

    def validate(module: Detector) -> dict[str, float]:
        return {"valid_map50": valid_map50(module, valid)}

    return fit(
        network, batches_of(lesson, options, run), step, run=run,
        options=fit_options(lesson, options), steps_per_epoch=steps_of(lesson, options),
        validate=validate, monitor="valid_map50",
        checkpoint=run.checkpoint("network"), weigh=lambda batch: len(batch["pictures"]),
    )  # fmt: skip


def batches_of(
    lesson: Lesson, options: CastingOptions, run: Run
) -> Callable[[int], Iterator[dict[str, Tensor]]]:
    """Give the pictures in another order each epoch, each changed at random."""

    def batches(epoch: int) -> Iterator[dict[str, Tensor]]:
        order = generator(run.seed, "batches", epoch).permutation(len(lesson))
        for step in range(steps_of(lesson, options)):
            rows = order[step * options.batch : (step + 1) * options.batch]
            yield changed(lesson, rows, run.seed, (epoch, step))

    return batches


def told(module: Detector, batch: dict[str, Tensor]) -> dict[str, Any]:
    """Return what a network says of a batch, in the form that losses want."""
    return module.raw(batch["pictures"].contiguous(memory_format=torch.channels_last))


def steps_of(lesson: Lesson, options: CastingOptions) -> int:
    """Return the steps of an epoch."""
    return -(-len(lesson) // options.batch)


def fit_options(lesson: Lesson, options: CastingOptions) -> FitOptions:
    """Return how to learn."""
    return options.fit_options(
        epochs=options.epochs or usual_epochs(steps_of(lesson, options)), lr=options.lr,
        minutes=options.minutes, weight_decay=5e-4, warmup_fraction=0.02,
    )  # fmt: skip


def valid_map50(network: Detector, lesson: Lesson) -> float:
    """Return mean average precision at overlap 0.5, in the square."""
    network.eval()
    side = lesson.pixels.shape[-1]
    found = []
    for start in range(0, len(lesson), N_AT_ONCE):
        pictures = torch.from_numpy(lesson.pixels[start : start + N_AT_ONCE]).float() / 255
        with torch.no_grad():
            told = network(pictures)
        for boxes, scores in zip(*(part.numpy() for part in told), strict=True):
            corners, sure, kinds = decode(boxes, scores, side)
            found.append(by_class(np.column_stack([corners, sure]).tolist(), _names(kinds)))
    truths = [by_class((rows[:, 1:] * side).tolist(), _names(rows[:, 0])) for rows in lesson.boxes]
    table = average_precisions(truths, found)
    return float(np.mean([row[0] for row in table.values()])) if table else 0.0


def _names(kinds: NDArray[Any]) -> list[str]:
    return [str(int(kind)) for kind in kinds]


def examples_of(lesson: Lesson) -> dict[str, Tensor]:
    """Return two pictures as the network takes them."""
    rows = [0, len(lesson) - 1]
    return {"pictures": torch.from_numpy(lesson.pixels[rows]).float() / 255}


def clean_share(out: Path, valid: TableBatch) -> float:
    """Return the share of pictures without a defect among those that pass by the usual limits.

    One of each kind is counted in, so that few pictures promise little (Laplace's rule).
    """
    passed = CastingPredictor(out, "cpu").predict(valid).frame["label"] == PASS
    is_clean = valid.targets["boxes"].filter(passed) == "[]"
    return (int(is_clean.sum()) + 1) / (len(is_clean) + 2)


def export(network: Detector, lesson: Lesson, path: Path) -> float:
    """Write a network as ONNX, and return how far the file is from it."""
    examples = examples_of(lesson)
    to_onnx(network, examples, path, outputs=OUTPUTS)
    return compare(network, path, examples, atol=1e-3)


def _measured(
    solution: Solution[CastingOptions], data: Split, out: Path, lesson: Lesson,
    options: CastingOptions,
) -> tuple[dict[str, float], list[dict[str, Any]]]:  # fmt: skip
    def measure(file: str) -> dict[str, float]:
        predictions: Predictions = CastingPredictor(out, "cpu", file).predict(data.test)
        empty = {metric.name: 0.0 for metric in solution.metrics}
        return {**empty, **solution.evaluate(predictions, data.test)}

    metrics = measure(NETWORK)
    if not options.int8:
        return metrics, []
    return metrics, quantised(out, lesson, metrics, measure)
