"""fp32, bf16 and fp16: loss curves, seconds a step and memory, on this machine's processor.

    python benchmarks/precision.py [--steps 30] [--json OUT]

The transformer of `distributed.py` learns the same batches in each format, each in a process of its
own. Where there is a CUDA device the same is measured there too, under names that begin with
`cuda_`; without one these figures are absent. Batches are small, since few processors compute in
fp16: those that do not are much slower in it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from torch import nn

from benchmarks._record import record
from benchmarks.distributed import LENGTH, WORDS, Reader
from kernels._dispatch import has_cuda
from ml_core.seed import generator, seed_all
from ml_core.train.launch import spawn
from ml_core.train.loop import FitOptions, fit

if TYPE_CHECKING:
    from ml_core.tracking.events import Event
    from ml_core.tracking.run import Run

PRECISIONS = ("fp32", "bf16", "fp16")


def learn(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Train and return the loss of each tenth of the steps, and seconds a step."""
    seed_all(run.seed)
    draws = generator(run.seed, "words")
    words = draws.integers(0, WORDS, (payload["steps"] * payload["batch"], LENGTH))
    most = np.array([np.bincount(row, minlength=WORDS).argmax() for row in words])
    per_epoch = payload["steps"] // 10
    times: list[float] = []

    def batches(epoch: int) -> Any:
        for index in range(epoch * per_epoch, (epoch + 1) * per_epoch):
            times.append(time.perf_counter())
            rows = slice(index * payload["batch"], (index + 1) * payload["batch"])
            yield torch.from_numpy(words[rows]), torch.from_numpy(most[rows])

    options = FitOptions(
        epochs=10, lr=5e-5, precision=payload["precision"], device=payload["device"]
    )
    history = fit(
        Reader(), batches, lambda net, batch: nn.functional.cross_entropy(net(batch[0]), batch[1]),
        run=run, options=options, steps_per_epoch=per_epoch,
    )  # fmt: skip
    card = torch.cuda.max_memory_allocated() / 2**20 if payload["device"] == "cuda" else 0.0
    return {
        "losses": [row["loss"] for row in history.epochs],
        "step_s": median(np.diff(times[1:]).tolist()),
        "card_mb": card,
    }


def trained(payload: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train in a process of its own, and add the most memory that it has held."""
    megabytes = [0.0]

    def listen(event: Event) -> None:
        if event.kind == "peak_memory":
            megabytes.append(event.data["mb"])

    found: dict[str, Any] = spawn(
        "benchmarks.precision:learn", payload, on_event=listen, cancelled=bool, seed=seed
    )
    memory = found["card_mb"] or max(megabytes)
    print(f"{payload['device']} {payload['precision']}: {found['step_s']:.3f} s, {memory:.0f} MB")
    return found | {"memory_mb": memory}


def measured(device: str, args: argparse.Namespace) -> dict[str, float]:
    figures: dict[str, float] = {}
    curves: dict[str, list[float]] = {}
    start = "" if device == "cpu" else "cuda_"
    for precision in PRECISIONS:
        payload = {
            "precision": precision, "device": device, "steps": args.steps, "batch": args.batch,
        }  # fmt: skip
        found = trained(payload, args.seed)
        curves[precision] = found["losses"]
        figures |= {
            f"{start}{precision}_step_s": found["step_s"],
            f"{start}{precision}_memory_mb": found["memory_mb"],
            f"{start}{precision}_final_loss": found["losses"][-1],
        }
    for precision in PRECISIONS[1:]:
        apart = np.abs(np.array(curves[precision]) - np.array(curves["fp32"]))
        figures[f"{start}{precision}_largest_loss_difference"] = float(apart.max())
        seconds = figures[f"{start}fp32_step_s"] / figures[f"{start}{precision}_step_s"]
        figures[f"{start}{precision}_speedup"] = seconds
    if device == "cuda":
        figures["amp_gpu_speedup"] = figures["cuda_bf16_speedup"]
        figures["amp_gpu_memory_ratio"] = (
            figures["cuda_bf16_memory_mb"] / figures["cuda_fp32_memory_mb"]
        )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30, help="a multiple of ten")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    figures = measured("cpu", args)
    if has_cuda():
        figures |= measured("cuda", args)
    path = record("precision", figures=figures, seeds=[args.seed], out=args.json)
    print(f"Figures: {path}")


if __name__ == "__main__":
    main()
