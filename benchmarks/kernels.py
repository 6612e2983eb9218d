"""Each registered kernel: reference, CPU, GPU and peer on small, medium and large inputs.

    python benchmarks/kernels.py

Writes the median seconds of each, and how many times faster the CPU twin is than its best peer. The
reference, which looks at all rows for each row, runs on the small input only.
"""

from __future__ import annotations

import argparse
import sys
import time as clock
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._record import record
from kernels._dispatch import Kernel, discover, has_cuda, load

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds(work: Callable[..., Any], arguments: tuple[Any, ...], repeats: int) -> float:
    """Return the median time of several runs after one that is not counted."""
    spent = []
    for _ in range(repeats + 1):
        started = clock.perf_counter()
        work(*arguments)
        spent.append(clock.perf_counter() - started)
    return median(spent[1:])


def measure(kernel: Kernel, repeats: int) -> tuple[dict[str, float], dict[str, float]]:
    """Time one kernel on its sizes and return our figures and those of its peers."""
    bench = import_module(f"{kernel.module}.bench")
    figures: dict[str, float] = {}
    peers: dict[str, float] = {}
    for size, arguments in bench.sizes():
        key = f"{kernel.name}_{size}"
        twins = [
            "cpu",
            *(["gpu"] if has_cuda() else []),
            *(["reference"] if size == "small" else []),
        ]
        for twin in twins:
            figures[f"{key}_{twin}_s"] = seconds(load(kernel, twin), arguments, repeats)
        theirs = {name: seconds(work, arguments, repeats) for name, work in bench.peers().items()}
        peers |= {f"{key}_{name}_s": spent for name, spent in theirs.items()}
        figures[f"{key}_ratio_to_best_peer"] = min(theirs.values()) / figures[f"{key}_cpu_s"]
    return figures, peers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the result")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    peers: dict[str, float] = {}
    for kernel in discover().values():
        ours, theirs = measure(kernel, arguments.repeats)
        figures |= ours
        peers |= theirs
    record("kernels", seeds=[0], figures=figures, peers=peers, out=arguments.json)
    for name, value in {**figures, **peers}.items():
        print(f"{name:<55} {value:.6f}")


if __name__ == "__main__":
    main()
