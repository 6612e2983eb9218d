"""Questions about drawn scenes with beeps: what carries over to what was never met in training.

    .venv/bin/python benchmarks/vqa_scenes.py [--pictures 5000] [--minutes 10] [--epochs 20]
        [--picture-encoder own] [--text-encoder own] [--among] [--seed 0] [--name vqa_scenes]
        [--json OUT]

Trained on scenes of the project's generator, then measured on three fresh sets: as in training,
with pairs of colour and shape that no picture and no question of the training had, and in wordings
that no question had. Per kind of question: accuracy, that of a blind network, that with another
picture (and its sound) for each question, and for questions that need a sound that without it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._record import record
from ml_core.data.media import MemoryMedia
from ml_core.seed import seed_all
from ml_core.tracking.console import ConsoleRun
from solutions.api import TableBatch
from solutions.vqa import beeps, solution
from solutions.vqa.blind import Blind, learn_blind
from solutions.vqa.lesson import Plan
from solutions.vqa.network import AnswerNetwork
from solutions.vqa.schema import SCHEMA
from solutions.vqa.scoring import VqaPredictor
from solutions.vqa.simulate import scenes

if TYPE_CHECKING:
    from ml_core.tracking.run import Run
    from solutions.api import Split
    from solutions.vqa.options import VqaOptions

TESTS = {
    "same": {"pairs": "seen", "wordings": "seen"},
    "pairs": {"pairs": "unseen", "wordings": "seen"},
    "words": {"pairs": "seen", "wordings": "unseen"},
}


def batch_of(n_pictures: int, seed: int, **choices: str) -> TableBatch:
    """Return scenes as a batch; half of them with a clip."""
    files, asked = scenes(n_pictures, seed, sounds=0.5, **choices)
    rows = [(name, one.question, one.answer, one.kind, one.sound or None) for name, one in asked]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(SCHEMA.names, pl.String), orient="row")
    return TableBatch(frame, media=MemoryMedia(files))


def mixed(batch: TableBatch) -> TableBatch:
    """Give each question the picture, and the sound if it has one, of another."""
    frame = batch.targets
    for column in ("picture", "sound"):
        names = frame[column].drop_nulls().unique(maintain_order=True).to_list()
        other = dict(zip(names, names[1:] + names[:1], strict=True))
        frame = frame.with_columns(pl.col(column).replace_strict(other, default=None))
    return batch.over(frame)


def by_kind(batch: TableBatch, guess: pl.Series, prefix: str) -> dict[str, float]:
    """Return accuracy overall and per kind of question."""
    right = batch.targets.select("kind", right=pl.col("answer") == guess)
    figures = {f"{prefix}_all": float(right["right"].mean())}
    for kind, share in right.group_by("kind").agg(pl.col("right").mean()).sort("kind").rows():
        figures[f"{prefix}_{kind}"] = float(share)
    return figures


def measured(predictor: VqaPredictor, blind: Blind, plan: Plan, seed: int) -> dict[str, float]:
    """Measure on the three sets, each once."""
    figures: dict[str, float] = {}
    for name, choices in TESTS.items():
        batch = batch_of(1000, seed + 1, **choices)
        figures |= by_kind(batch, predictor.predict(batch).frame["guess"], name)
        guesses = blind.guesses(plan.reader, batch.targets["question"].to_list())
        told = pl.Series([plan.answers[index] for index in guesses])
        figures |= by_kind(batch, told, f"{name}_blind")
        other = mixed(batch)
        figures |= by_kind(other, predictor.predict(other).frame["guess"], f"{name}_shuffled")
        heard = batch.over(batch.frame.filter(pl.col("kind").is_in(list(beeps.WORDINGS))))
        deaf = heard.over(heard.frame.with_columns(sound=pl.lit(None, pl.String)))
        figures |= by_kind(deaf, predictor.predict(deaf).frame["guess"], f"{name}_deaf")
    return figures


def blind_of(
    cut: Split, options: VqaOptions, predictor: VqaPredictor, run: Run
) -> tuple[Plan, Blind]:
    """Train a network that reads alone, on the same questions."""
    plan = Plan(predictor.reader, predictor.answers, 64, 0)
    lesson, valid = (plan.lesson(part, run) for part in (cut.train, cut.valid))
    seed_all(run.seed)
    network = AnswerNetwork(len(predictor.words) + 2, len(predictor.answers), options)
    return plan, learn_blind(network, lesson, valid, options, run)


def main() -> None:
    """Train, measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--picture-encoder", default="own")
    parser.add_argument("--text-encoder", default="own")
    parser.add_argument("--among", action="store_true", help="words look at each other")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="vqa_scenes")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    options = solution.options(
        minutes=args.minutes, epochs=args.epochs, pictures_per_step=16, test_share=0.01,
        valid_share=0.05, picture_encoder=args.picture_encoder, text_encoder=args.text_encoder,
        among=args.among,
    )  # fmt: skip
    cut = solution.split(batch_of(args.pictures, args.seed), options, args.seed)
    with tempfile.TemporaryDirectory() as out, ConsoleRun(args.seed) as run:
        began, worked = time.perf_counter(), time.process_time()
        trained = solution.train(cut, options, run, Path(out))
        figures = {"train_s": time.perf_counter() - began, "train_questions": len(cut.train)}
        figures["train_cpu_s"] = time.process_time() - worked
        figures["calibration_error"] = trained.metrics["calibration_error"]
        predictor = VqaPredictor(Path(out), "cpu")
        plan, blind = blind_of(cut, options, predictor, run)
        figures |= measured(predictor, blind, plan, args.seed)
        figures["onnx_mb"] = (Path(out) / "model.onnx").stat().st_size / 1e6
    record(args.name, figures=figures, seeds=[args.seed], out=args.json)
    for name, value in figures.items():
        print(f"{name:<32}{value:.4f}")


if __name__ == "__main__":
    main()
