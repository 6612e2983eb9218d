"""Questions about drawn shapes: the easy-VQA set, chosen on a part of its training pictures.

    .venv/bin/python benchmarks/vqa_easy.py [--data FOLDER] [--minutes 10] [--seeds 0] [--json OUT]

Without `--data` the set of the package easy-vqa is taken, or the benchmark says that it is not
there. The official test questions are used once, at the end; published: 93.78 % (a small CNN that
chose on the test set). Blind and shuffled-picture figures stand beside ours.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._record import record
from ml_core.data.media import FolderMedia
from ml_core.tracking.run import NullRun
from solutions.api import Split, TableBatch
from solutions.vqa import solution
from solutions.vqa.schema import SCHEMA

PUBLISHED = {"easy_vqa_cnn_accuracy": 0.9378, "easy_vqa_blind_accuracy": 0.670}


def folder_of(data: Path | None) -> Path | None:
    """Return the folder with train/ and test/ of the set."""
    if data is not None:
        return data
    try:
        import easy_vqa  # noqa: PLC0415  only there where benchmarks run
    except ImportError:
        return None
    return Path(easy_vqa.__file__).parent / "data"


def questions(folder: Path, part: str) -> pl.DataFrame:
    """Return the questions of a part as rows of the schema."""
    rows = json.loads((folder / part / "questions.json").read_text("utf-8"))
    frame = pl.DataFrame(
        {
            "picture": [f"{part}/images/{row[2]}.png" for row in rows],
            "question": [row[0] for row in rows],
            "answer": [row[1] for row in rows],
            "kind": [None] * len(rows),
            "sound": [None] * len(rows),
        },
        schema=dict.fromkeys(SCHEMA.names, pl.String),
    )
    assert frame.height, f"{part} must have questions"  # noqa: S101  a broken package
    return frame


def measure(folder: Path, seed: int, minutes: float) -> dict[str, float]:
    """Train on a part of train, and measure on the official test once."""
    media = FolderMedia(folder)
    batch = TableBatch(questions(folder, "train"), media=media)
    options = solution.options(
        minutes=minutes, epochs=24, pictures_per_step=16, test_share=0.01, valid_share=0.05
    )
    cut = solution.split(batch, options, seed)
    test = TableBatch(questions(folder, "test"), media=media)
    with tempfile.TemporaryDirectory() as out:
        began, worked = time.perf_counter(), time.process_time()
        told = solution.train(
            Split(cut.train, cut.valid, test, cut.how), options, NullRun(seed=seed), Path(out)
        )
        spent = {
            "train_s": time.perf_counter() - began,
            "train_cpu_s": time.process_time() - worked,
        }
        size = (Path(out) / "model.onnx").stat().st_size / 1e6
    return {**told.metrics, **spent, "onnx_mb": size}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    folder = folder_of(args.data)
    if folder is None or not folder.is_dir():
        print("Skipped: the package easy-vqa is not installed, and no --data was given.")
        return
    seeds = [int(seed) for seed in args.seeds.split(",")]
    runs = [measure(folder, seed, args.minutes) for seed in seeds]
    figures: dict[str, Any] = {
        name: float(np.mean([run[name] for run in runs])) for name in runs[0]
    }
    record("vqa_easy", figures=figures, peers=PUBLISHED, seeds=seeds, out=args.json)


if __name__ == "__main__":
    main()
