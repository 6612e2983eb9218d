"""Detection of defects: our network with gates against the same without, on folders of pictures.

    .venv/bin/python benchmarks/casting_detection.py --data FOLDER --train train.txt --val val.txt
        [--network agfpn|stock] [--minutes 20] [--epochs N] [--seeds 0] [--int8] [--json OUT]

Lists give paths below the folder, labels are YOLO boxes beside them (`images/` -> `labels/`). A
fifth of the training list chooses the epoch; the validation list is only measured on. Without
`--data` NEU-DET below ASSAY_BENCH_DATA is taken, or the benchmark says that it is not there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._record import data_root, record
from ml_core.data.labels.read import read_labelled
from ml_core.data.media import FolderMedia
from ml_core.tracking.console import ConsoleRun
from ml_core.train.memory import keep_freed_memory
from solutions.api import Split, TableBatch
from solutions.casting import solution
from solutions.casting.schema import SCHEMA

PUBLISHED = {"yolo11n_coco_map50": 0.783, "yolo11n_coco_map50_95": 0.408}


class Listed(FolderMedia):
    """A folder whose pictures are those of a list, with all its labels."""

    __slots__ = ("listed",)

    @property
    def names(self) -> list[str]:
        """Names of the listed pictures, and of all files that are no pictures."""
        others = [n for n in FolderMedia(self.folder).names if not n.startswith("images/")]
        return sorted([*self.listed, *others])


def batch_of(folder: Path, listing: Path) -> TableBatch:
    """Return the pictures of a list with their boxes."""
    files = Listed(folder)
    object.__setattr__(
        files, "listed", [n.removeprefix("./") for n in listing.read_text("utf-8").split()]
    )
    frame, _, issues = read_labelled(files, SCHEMA)
    for issue in issues[:5]:
        print(issue.message)
    columns = [
        pl.col(n) if n in frame.columns else pl.lit(None, pl.String).alias(n) for n in SCHEMA.names
    ]
    # A picture without a label file shows nothing: somebody has looked at all of these.
    looked = frame.select(columns).with_columns(pl.col("boxes").fill_null("[]"))
    return TableBatch(looked, media=FolderMedia(folder))


def measure(args: argparse.Namespace, folder: Path, seed: int) -> dict[str, float]:
    """Train once and measure on the validation list."""
    learn, report = (batch_of(folder, folder / name) for name in (args.train, args.val))
    options = solution.options(
        network=args.network, minutes=args.minutes, epochs=args.epochs, int8=args.int8,
        image_size=args.size, test_share=0.001, valid_share=0.1,
    )  # fmt: skip
    cut = solution.split(learn, options, seed)
    with tempfile.TemporaryDirectory() as out, ConsoleRun(seed) as run:
        began = time.perf_counter()
        data = Split(cut.train, cut.valid, report, cut.how)
        told = solution.train(data, options, run, Path(out))
        figures = {**told.metrics, "train_s": time.perf_counter() - began}
        for variant in json.loads((Path(out) / "card.json").read_text("utf-8"))["variants"]:
            end = "" if variant["name"] == "FP32" else "_int8"
            figures[f"latency{end}_ms"] = variant["latency_ms"]
            figures["onnx_int8_mb" if end else "onnx_mb"] = variant["size_mb"]
            figures[f"map50{end}"] = variant["map50"]
    return figures


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--train", default="train.txt")
    parser.add_argument("--val", default="val.txt")
    parser.add_argument("--network", choices=("agfpn", "stock"), default="agfpn")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--int8", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    root = data_root()
    folder = args.data or (root / "casting" / "neu_det" if root else None)
    if folder is None or not folder.is_dir():
        print("Skipped: no data. Pass --data FOLDER or set ASSAY_BENCH_DATA.")
        return
    seeds = [int(seed) for seed in args.seeds.split(",")]
    keep_freed_memory()
    runs = [measure(args, folder, seed) for seed in seeds]
    figures = {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}
    name = f"casting_detection_{folder.name}_{args.network}"
    record(name, figures=figures, peers=PUBLISHED, seeds=seeds, out=args.json)


if __name__ == "__main__":
    main()
