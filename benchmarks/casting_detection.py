"""Detection of defects: our network with gates against the same without, on folders of pictures.

    .venv/bin/python benchmarks/casting_detection.py --data FOLDER --train train.txt --val val.txt
        [--test test.txt] [--network agfpn|stock|both] [--minutes 20] [--epochs N] [--seeds 0,1,2]
        [--int8] [--without C0055] [--group PATTERN] [--set batch=16 lr=0.002] [--keep FOLDER]
        [--json OUT]

Lists give paths below the folder, labels are YOLO boxes beside them (`images/` -> `labels/`). A
tenth of the training list chooses the epoch; the validation list is only measured on. `both`
trains one network after the other for each seed, so that both see the machine as it is.
Without `--data` NEU-DET below ASSAY_BENCH_DATA is taken, or the benchmark says that it is not
there.
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
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._record import data_root, record
from ml_core.data.labels.read import read_labelled
from ml_core.data.media import FolderMedia
from ml_core.tracking.console import ConsoleRun
from ml_core.train.memory import keep_freed_memory
from solutions.api import Split, TableBatch
from solutions.casting import solution
from solutions.casting.schema import SCHEMA

# Of other protocols: COCO weights and a random split; random views of parts that were learnt from.
PUBLISHED = {
    "neu_det": {"yolo11n_coco_map50": 0.783, "yolo11n_coco_map50_95": 0.408},
    "gdxray": {"retinanet_map50": 0.76, "cnn_map50": 0.942, "mask_rcnn_map50": 0.957},
}


class Listed(FolderMedia):
    """A folder whose pictures are those of a list, with all its labels."""

    __slots__ = ("listed",)

    @property
    def names(self) -> list[str]:
        """Names of the listed pictures, and of all files that are no pictures."""
        others = [n for n in FolderMedia(self.folder).names if not n.startswith("images/")]
        return sorted([*self.listed, *others])


def batch_of(folder: Path, listing: Path, without: str) -> TableBatch:
    """Return the pictures of a list with their boxes, but for those with a word in the name."""
    files = Listed(folder)
    names = (name.removeprefix("./") for name in listing.read_text("utf-8").split())
    object.__setattr__(files, "listed", [n for n in names if not without or without not in n])
    frame, _, issues = read_labelled(files, SCHEMA)
    for issue in issues[:5]:
        print(issue.message)
    columns = [
        pl.col(n) if n in frame.columns else pl.lit(None, pl.String).alias(n) for n in SCHEMA.names
    ]
    # A picture without a label file shows nothing: somebody has looked at all of these.
    looked = frame.select(columns).with_columns(pl.col("boxes").fill_null("[]"))
    return TableBatch(looked, media=FolderMedia(folder))


class Counting(ConsoleRun):
    """A run that counts the epochs."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.epochs = 0

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Keep the number of the last epoch."""
        if name == "valid_map50" and step is not None:
            self.epochs = step
        super().metric(name, value, step)


def measure(args: argparse.Namespace, folder: Path, network: str, seed: int) -> dict[str, float]:
    """Train once and measure on the validation list, and on the test list if there is one."""
    learn, report = (batch_of(folder, folder / n, args.without) for n in (args.train, args.val))
    options = solution.options(
        network=network, minutes=args.minutes, epochs=args.epochs, int8=args.int8,
        image_size=args.size, test_share=0.001, valid_share=0.1, group_pattern=args.group,
        **dict(one.split("=", 1) for one in args.set),
    )  # fmt: skip
    cut = solution.split(learn, options, seed)
    with tempfile.TemporaryDirectory() as made, Counting(seed) as run:
        out = args.keep / f"{network}_{seed}" if args.keep else Path(made)
        out.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        data = Split(cut.train, cut.valid, report, cut.how)
        told = solution.train(data, options, run, out)
        spent = time.perf_counter() - began
        figures = {**told.metrics, "train_s": spent, "epochs": run.epochs}
        figures["epoch_s"] = spent / max(1, run.epochs)
        figures["threads"] = torch.get_num_threads()
        figures |= of_variants(out)
        if args.test:
            figures |= tested(out, batch_of(folder, folder / args.test, args.without))
    return figures


def of_variants(out: Path) -> dict[str, float]:
    """Return size, latency and mAP50 of both forms of a bundle, if it has both."""
    figures: dict[str, float] = {}
    for variant in json.loads((out / "card.json").read_text("utf-8"))["variants"]:
        end = "" if variant["name"] == "FP32" else "_int8"
        figures[f"latency{end}_ms"] = variant["latency_ms"]
        figures["onnx_int8_mb" if end else "onnx_mb"] = variant["size_mb"]
        figures[f"map50{end}"] = variant["map50"]
    return figures


def tested(out: Path, batch: TableBatch) -> dict[str, float]:
    """Measure a bundle on another list."""
    found = solution.load(out, "cpu").predict(batch)
    return {f"test_{name}": value for name, value in solution.evaluate(found, batch).items()}


def write(
    args: argparse.Namespace, folder: Path, network: str, runs: list[dict[str, float]]
) -> None:
    """Record the means over seeds, and the main figure of each."""
    figures = {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}
    seeds = [int(seed) for seed in args.seeds.split(",")][: len(runs)]
    if len(runs) > 1:
        figures |= {f"map50_seed_{s}": run["map50"] for s, run in zip(seeds, runs, strict=True)}
    name = f"casting_detection_{folder.name}_{network}"
    name += f"_without_{args.without.lower()}" if args.without else ""
    peers = PUBLISHED.get(folder.name, {})
    record(name, figures=figures, peers=peers, seeds=seeds, out=args.json)


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--train", default="train.txt")
    parser.add_argument("--val", default="val.txt")
    parser.add_argument("--test")
    parser.add_argument("--network", choices=("agfpn", "stock", "both"), default="agfpn")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--int8", action="store_true")
    parser.add_argument("--without", default="", help="leave out pictures with this in the name")
    parser.add_argument("--group", default="", help="pattern of the series in the file name")
    parser.add_argument("--set", nargs="*", default=[], metavar="OPTION=VALUE", help="any other")
    parser.add_argument("--keep", type=Path, help="where to leave the bundles")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.json and args.network == "both":
        parser.error("--json takes one network. Name agfpn or stock, or leave --json out.")
    root = data_root()
    folder = args.data or (root / "casting" / "neu_det" if root else None)
    if folder is None or not folder.is_dir():
        print("Skipped: no data. Pass --data FOLDER or set ASSAY_BENCH_DATA.")
        return
    keep_freed_memory()
    networks = ("agfpn", "stock") if args.network == "both" else (args.network,)
    runs: dict[str, list[dict[str, float]]] = {network: [] for network in networks}
    for seed in map(int, args.seeds.split(",")):
        for network in networks:
            runs[network].append(measure(args, folder, network, seed))
            write(args, folder, network, runs[network])


if __name__ == "__main__":
    main()
