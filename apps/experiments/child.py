"""The far end of a training: runs in a process of its own, which knows no database and no key.

It reads one file that was sealed for it alone, with a key that it is told and that dies with it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ml_core.security.cipher import DecryptingReader
from solutions.api import Solution, TableBatch

if TYPE_CHECKING:
    from ml_core.tracking.run import Run

KEY_ID = "training"


def train(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Train as `payload` says, and return the metrics, how the data was cut, and the bundle."""
    solution = made(payload["solution"])
    options = solution.options(**payload["options"])
    run.stage("Reading")
    with Path(payload["data"]).open("rb") as raw:
        keys = {KEY_ID: bytes.fromhex(payload["key"])}
        frame = pl.read_parquet(DecryptingReader(raw, keys).read())
    split = solution.split(TableBatch(frame), options, run.seed)
    run.log(split.how)
    trained = solution.train(split, options, run, Path(payload["out"]))
    return {
        "bundle": str(trained.bundle),
        "metrics": {name: float(value) for name, value in trained.metrics.items()},
        "how": split.how,
    }


def made(name: str) -> Solution[Any]:
    """Make a solution from "module:class"; the parent has found it, so it may be imported."""
    module, _, kind = name.partition(":")
    solution: Solution[Any] = getattr(import_module(module), kind)()
    return solution
