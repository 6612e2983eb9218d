"""What a form of a model costs: size of the file, time of one row, rows a second."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_core.runtime.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Sample = Mapping[str, NDArray[Any]]

THREADS = 2
N_ROUNDS = 7
LEAST_S = 0.02  # of a round, so that a network of microseconds is timed at all
N_ROWS = 16


@dataclass(frozen=True, slots=True)
class Cost:
    """Megabytes on the disk, milliseconds for one row alone, rows a second in batches of 16."""

    size_mb: float
    latency_ms: float
    rows_per_s: float


def costs(paths: Mapping[str, Path], sample: Sample) -> dict[str, Cost]:
    """Time several files in turns on this processor, with two threads; name -> cost.

    In turns, because a busy machine slows whoever is measured at the moment; the median of seven
    rounds is taken of each.
    Shapes: the sample has one row or more of each input.
    """
    sessions = {name: Session(path, "cpu", threads=THREADS) for name, path in paths.items()}
    one = {name: value[:1] for name, value in sample.items()}
    many = {name: np.resize(value, (N_ROWS, *value.shape[1:])) for name, value in sample.items()}
    alone: dict[str, list[float]] = {name: [] for name in paths}
    together: dict[str, list[float]] = {name: [] for name in paths}
    n_calls = {name: (_calls(it, one), _calls(it, many)) for name, it in sessions.items()}
    for _ in range(N_ROUNDS):
        for name, session in sessions.items():
            n_alone, n_together = n_calls[name]
            alone[name].append(_seconds(session, one, n_alone))
            together[name].append(_seconds(session, many, n_together))
    return {
        name: Cost(
            round(path.stat().st_size / 1e6, 3),
            round(1000 * float(np.median(alone[name])), 3),
            round(N_ROWS / float(np.median(together[name])), 1),
        )
        for name, path in paths.items()
    }


def _calls(session: Session, rows: Sample) -> int:
    """Return how many calls make a round; the first one makes plans, and counts for nothing."""
    session.run(rows)
    return max(1, min(100, round(LEAST_S / max(_seconds(session, rows, 1), 1e-6))))


def _seconds(session: Session, rows: Sample, n_calls: int) -> float:
    began = time.perf_counter()
    for _ in range(n_calls):
        session.run(rows)
    return (time.perf_counter() - began) / n_calls
