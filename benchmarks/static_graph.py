"""Static forms of ResNet-50 beside eager PyTorch: batch 1 and 16, side by side in one run.

    .venv/bin/python benchmarks/static_graph.py [--threads 2] [--repeats 9] [--forms onnx,compiled]

Random weights, since speed does not depend on what a network has learnt; running means and
variances as a training would leave them, so that folding has something to fold. Every form is
compared with the network at FP32 before it is timed, and the forms take turns. The figure
`static_graph_speedup` is that of the form whose worse batch size is best, with one thread or with
several, whichever is less.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
import torchvision

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._record import record
from ml_core.runtime.graphs import EAGER, measure_forms

SIDE = 224
BATCHES = (1, 16)
FORMS = "exported,compiled,onnx,cuda_graph"


def network() -> torch.nn.Module:
    """Return ResNet-50 in the state that a training leaves, without one."""
    torch.manual_seed(0)
    module = torchvision.models.resnet50(weights=None).eval()
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0.0, 0.1)
            part.running_var.uniform_(0.8, 1.2)
    return module


def measured(threads: int, forms: list[str], repeats: int, suffix: str) -> dict[str, float]:
    """Return figures of all forms with so many threads; none where no form agreed."""
    torch.set_num_threads(threads)
    examples = [{"x": torch.randn(n, 3, SIDE, SIDE)} for n in BATCHES]
    table = measure_forms(
        network(), examples, outputs=("odds",), forms=forms, repeats=repeats, threads=threads
    )
    figures: dict[str, float] = {}
    worse: dict[str, list[float]] = {}
    for one in table:
        print(
            f"{one.form:12} {threads} threads  batch {one.batch:2}  {one.milliseconds:8.1f} ms  "
            f"{one.speedup:5.2f}x  apart {one.difference:.1e}  ready in {one.prepare_s:5.1f} s  "
            f"{one.provider} {one.problem}",
            flush=True,
        )
        if one.problem:
            continue
        name = f"{one.form}_batch{one.batch}"
        figures |= {f"{name}_ms{suffix}": one.milliseconds,
                    f"{name}_speedup{suffix}": one.speedup,
                    f"{name}_difference{suffix}": one.difference}  # fmt: skip
        if one.form != EAGER:
            worse.setdefault(one.form, []).append(one.speedup)
    whole = {form: min(found) for form, found in worse.items() if len(found) == len(BATCHES)}
    if not whole:
        return {}
    best = max(whole, key=lambda form: whole[form])
    print(f"Best at the worse of both sizes: {best}, {whole[best]:.2f}x")
    figures[f"static_graph_speedup{suffix}"] = whole[best]
    for n in BATCHES:
        speedup = figures[f"{best}_batch{n}_speedup{suffix}"]
        figures[f"static_graph_speedup_batch{n}{suffix}"] = speedup
    return figures


def main() -> int:
    """Measure, print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--forms", default=FORMS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    forms = args.forms.split(",")
    many = f"_{args.threads}_threads"
    figures = measured(args.threads, forms, args.repeats, many)
    alone = [form for form in forms if form == "onnx"]  # TorchInductor takes minutes to be ready
    figures |= measured(1, alone, args.repeats, "_1_thread")
    speedups = [figures.get(f"static_graph_speedup{suffix}", 0.0) for suffix in (many, "_1_thread")]
    if not all(speedups):
        print("No form agreed with the network at each size; nothing is recorded.")
        return 1
    # With several threads a busy machine holds eager up, whose threads wait for each other.
    figures["static_graph_speedup"] = min(speedups)
    figures |= {"threads": args.threads, "repeats": args.repeats}
    record("static_graph", seeds=[0], figures=figures, out=args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
