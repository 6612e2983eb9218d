"""Learning to answer, and writing the bundle."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch

from ml_core.errors import DataError, Issue
from ml_core.runtime.export import to_onnx
from ml_core.runtime.parity import compare
from ml_core.seed import seed_all
from ml_core.tracking.run import stop_if_cancelled
from ml_core.train.group import leave_unless_first
from solutions.api import Trained
from solutions.bundle import NETWORK as NETWORK_FILE
from solutions.bundle import write_card
from solutions.privacy import privacy_of
from solutions.vqa.blind import Blind, learn_blind
from solutions.vqa.card import LIMITS, PURPOSE, SOUND_LIMIT
from solutions.vqa.hearing import longest
from solutions.vqa.learning import learn, odds_of, temperature
from solutions.vqa.lesson import Lesson, Plan
from solutions.vqa.network import AnswerNetwork
from solutions.vqa.private import NOT_COVERED, UNIT
from solutions.vqa.reading import NETWORK, TOKENS, reader_of
from solutions.vqa.scoring import Preparation
from solutions.vqa.words import LENGTH, vocabulary
from solutions.weights import save_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_core.tracking.run import Run
    from solutions.api import Solution, Split, TableBatch
    from solutions.vqa.options import VqaOptions

MOST_ANSWERS = 1000


def train(
    solution: Solution[VqaOptions], data: Split, options: VqaOptions, run: Run, out: Path
) -> Trained:
    """Learn, calibrate, export, and measure on pictures that were never seen."""
    seed_all(run.seed)
    privacy = privacy_of(options)
    answers, words = _answers(data.train), vocabulary(data.train.targets["question"])
    run.stage("reading pictures")
    stop_if_cancelled(run)
    parity = _write_minilm(out) if options.text_encoder == "minilm" else 0.0
    frames = longest(data.train.media, data.train.targets["sound"].drop_nulls().unique())
    plan = Plan(reader_of(options.text_encoder, words, out), answers, options.image_size, frames)
    lesson, valid = (plan.lesson(part, run) for part in (data.train, data.valid))
    run.stage("learning")
    network = AnswerNetwork(len(words) + 2, len(answers), options, frames)
    n, size = len(lesson.pictures), options.pictures_per_step
    steps = privacy.plan(n, batch_size=size, epochs=options.epochs) if privacy else None
    history = learn(network, lesson, valid, options, run, steps=steps)
    run.log(f"Best after epoch {history.best_epoch}; ended by {history.stopped}.")
    divisor = temperature(*odds_of(network, valid))
    run.stage("learning blind")
    empty = AnswerNetwork(len(words) + 2, len(answers), options, frames)
    blind = learn_blind(empty, lesson, valid, options, run)
    leave_unless_first()
    run.stage("exporting")
    parity = max(parity, export(network, lesson, out / NETWORK_FILE))
    save_weights(network, out)
    Preparation(
        answers=tuple(answers), words=tuple(words), temperature=divisor, frames=frames,
        side=options.image_size, reader=options.text_encoder,
    ).save(out)  # fmt: skip
    run.stage("measuring")
    metrics = _measured(solution, data, out, blind, plan)
    write_card(
        out, purpose=PURPOSE, limits=(*LIMITS, *([SOUND_LIMIT] if frames else [])),
        rows="questions", data=data, options=options, metrics=metrics, parity=parity, seed=run.seed,
        **({"privacy": steps.card(unit=UNIT, not_covered=NOT_COVERED)} if steps else {}),
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


def _write_minilm(out: Path) -> float:
    """Write the frozen reader into the bundle; return how far ONNX is from the network."""
    from ml_core.nn.minilm import load_minilm, minilm_folder  # noqa: PLC0415  one reader's only

    folder = minilm_folder()
    shutil.copyfile(folder / TOKENS, out / TOKENS)
    network = load_minilm(folder)
    words = torch.zeros(2, LENGTH, dtype=torch.int64)
    words[0, :3], words[1] = torch.tensor([101, 2129, 102]), torch.arange(2000, 2000 + LENGTH)
    path = to_onnx(network, {"words": words}, out / NETWORK, outputs=("states",))
    return compare(network, path, {"words": words})


def export(network: AnswerNetwork, lesson: Lesson, path: Path) -> float:
    """Write a network as ONNX, and return how far the file is from it."""
    examples = examples_of(network, lesson)
    to_onnx(network, examples, path, outputs=outputs_of(network))
    return compare(network, path, examples)


def outputs_of(network: AnswerNetwork) -> list[str]:
    """Name what a network tells."""
    return ["odds", "looked"] + (["listened"] if network.ear is not None else [])


def examples_of(network: AnswerNetwork, lesson: Lesson) -> dict[str, torch.Tensor]:
    """Return up to eight questions as the network takes them, two at least."""
    rows = np.arange(min(8, len(lesson)))
    return inputs_of(network, lesson, rows if len(rows) > 1 else np.zeros(2, dtype=np.int64))


def inputs_of(
    network: AnswerNetwork, lesson: Lesson, rows: NDArray[np.int64]
) -> dict[str, torch.Tensor]:
    """Return some questions as the network takes them."""
    some = lesson.of(rows)
    examples = {"picture": some.pictures[some.seen], "words": lesson.words(rows)}
    if network.ear is not None:
        sounds = lesson.sounds[np.maximum(lesson.sound[rows], 0)]
        examples |= {"sound": torch.from_numpy(sounds), "heard": some.heard}
    return examples


def _measured(
    solution: Solution[VqaOptions], data: Split, out: Path, blind: Blind, plan: Plan
) -> dict[str, Any]:
    predictor = solution.load(out, "cpu")
    test = data.test
    frame = test.targets

    def accuracy(changed: pl.DataFrame) -> float:
        batch = test.over(changed)
        return solution.evaluate(predictor.predict(batch), batch)["accuracy"]

    metrics = dict(solution.evaluate(predictor.predict(test), test))
    names = frame["picture"].unique(maintain_order=True).to_list()
    other = dict(zip(names, names[1:] + names[:1], strict=True))
    mixed = frame.with_columns(pl.col("picture").replace_strict(other))
    metrics["shuffled_accuracy"] = accuracy(mixed)
    guesses = blind.guesses(plan.reader, frame["question"].to_list())
    metrics["blind_accuracy"] = float((guesses == plan.labels(frame)).mean())
    heard = frame.filter(pl.col("sound").is_not_null())
    if plan.frames and heard.height:
        metrics["deaf_accuracy"] = accuracy(heard.with_columns(sound=pl.lit(None, pl.String)))
    return metrics
