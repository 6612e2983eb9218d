"""Sentences of people about drawn boxes, true or false: NLVR, learnt from one part.

    .venv/bin/python benchmarks/vqa_nlvr.py [--data FOLDER] [--train dev] [--test test]
        [--minutes 8] [--epochs 60] [--text-encoder own] [--seed 0] [--name vqa_nlvr] [--json OUT]

Without `--data` the folder vqa/nlvr below ASSAY_BENCH_DATA is taken, or the benchmark says that it
is not there. A fifth of the training examples chooses the epoch; all sentences that were shown
together (four pictures each) and all orders of boxes of a picture are in one part. The test part
is measured once. Beside it: always saying the more frequent answer, and a network without eyes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._record import data_root, record
from ml_core.data.media import FolderMedia
from ml_core.data.split import whole_groups
from ml_core.tracking.console import ConsoleRun
from solutions.api import Split, TableBatch
from solutions.vqa import solution
from solutions.vqa.schema import SCHEMA

# With the full training set, which is twelve times ours.
PUBLISHED = {"full_train_published_low": 0.669, "full_train_published_high": 0.699}


def rows_of(folder: Path, part: str) -> pl.DataFrame:
    """Return a row for each picture of each example; `group` names what was shown together."""
    columns: dict[str, list[str | None]] = {name: [] for name in (*SCHEMA.names, "group")}
    for line in (folder / part / f"{part}.json").read_text("utf-8").splitlines():
        one = json.loads(line)
        images = folder / part / "images" / one["directory"]
        for path in sorted(images.glob(f"{part}-{one['identifier']}-*.png")):
            columns["picture"].append(path.relative_to(folder).as_posix())
            columns["question"].append(one["sentence"])
            columns["answer"].append(one["label"])
            columns["group"].append(one["identifier"].split("-")[0])
    empty = [None] * len(columns["picture"])
    return pl.DataFrame(
        {**columns, "kind": empty, "sound": empty},
        schema=dict.fromkeys([*SCHEMA.names, "group"], pl.String),
    )


def split_of(folder: Path, train: str, test: str, seed: int) -> Split:
    """Cut by what was shown together; the test part is another file."""
    media = FolderMedia(folder)
    learnt, measured = rows_of(folder, train), rows_of(folder, test)
    groups = learnt["group"].unique(maintain_order=True).to_list()
    part = whole_groups(groups, valid=0.2, test=0.001, seed=seed)
    number = learnt["group"].replace_strict(part)
    parts = [
        TableBatch(frame.select(SCHEMA.names), media=media)
        for frame in (learnt.filter(number == 0), learnt.filter(number == 1), measured)
    ]
    return Split(*parts, f"By what was shown together: {train} to learn from, {test} to report on.")


def majority(cut: Split) -> float:
    """Return how often the more frequent answer of the training part is right."""
    most = cut.train.targets["answer"].mode()[0]
    return float((cut.test.targets["answer"] == most).mean())


def main() -> None:
    """Train, measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--train", default="dev")
    parser.add_argument("--test", default="test")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--text-encoder", default="own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="vqa_nlvr")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    root = data_root()
    folder = args.data or (root / "vqa" / "nlvr" if root else None)
    if folder is None or not folder.is_dir():
        print("Skipped: no data. Pass --data FOLDER or set ASSAY_BENCH_DATA.")
        return
    options = solution.options(
        minutes=args.minutes, epochs=args.epochs, image_size=128, pictures_per_step=32, lr=1e-3,
        among=True,
        text_encoder=args.text_encoder,
    )  # fmt: skip
    cut = split_of(folder, args.train, args.test, args.seed)
    with tempfile.TemporaryDirectory() as out, ConsoleRun(args.seed) as run:
        began, worked = time.perf_counter(), time.process_time()
        metrics = dict(solution.train(cut, options, run, Path(out)).metrics)
        metrics["train_s"] = time.perf_counter() - began
        metrics["train_cpu_s"] = time.process_time() - worked
    figures = {**metrics, "majority_accuracy": majority(cut)}
    figures |= {"train_rows": len(cut.train), "test_rows": len(cut.test)}
    record(args.name, figures=figures, peers=PUBLISHED, seeds=[args.seed], out=args.json)


if __name__ == "__main__":
    main()
