"""The far end of a training: runs in a process of its own, which knows no database and no key.

It reads one file that was sealed for it alone, with a key that it is told and that dies with it.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ml_core.data.archive import open_archive
from ml_core.data.media import NO_MEDIA, ZipMedia
from ml_core.security.cipher import DecryptingReader
from solutions.api import Solution, TableBatch
from solutions.together import own_folder, together

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ml_core.data.media import Media
    from ml_core.tracking.run import Run

KEY_ID = "training"


def train(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Train as `payload` says, and return the metrics, how the data was cut, and the bundle."""
    options = made(payload["solution"]).options(**payload["options"])
    found: dict[str, Any] = together("apps.experiments.child:learn", payload, options, run)
    return found


def learn(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Train in this process, alone or as one of several ranks that do the same."""
    solution = made(payload["solution"])
    options = solution.options(**payload["options"])
    run.stage("Reading")
    with opened(payload) as batch, own_folder(Path(payload["out"])) as out:
        split = solution.split(batch, options, run.seed)
        run.log(split.how)
        trained = solution.train(split, options, run, out)
    return {
        "bundle": str(trained.bundle),
        "metrics": {name: float(value) for name, value in trained.metrics.items()},
        "how": split.how,
    }


@contextmanager
def opened(payload: Mapping[str, Any]) -> Iterator[TableBatch]:
    """Open the data that was sealed for this process."""
    keys = {KEY_ID: bytes.fromhex(payload["key"])}
    with Path(payload["data"]).open("rb") as raw:
        frame = pl.read_parquet(DecryptingReader(raw, keys).read())
    with _media(payload["media"], keys) as media:
        yield TableBatch(frame, media=media)


@contextmanager
def _media(path: str | None, keys: Mapping[str, bytes]) -> Iterator[Media]:
    if path is None:
        yield NO_MEDIA
        return
    with (
        Path(path).open("rb") as raw,
        io.BufferedReader(DecryptingReader(raw, keys)) as stream,
        open_archive(stream) as archive,
    ):
        yield ZipMedia(archive)


def made(name: str) -> Solution[Any]:
    """Make a solution from "module:class"; the parent has found it, so it may be imported."""
    module, _, kind = name.partition(":")
    solution: Solution[Any] = getattr(import_module(module), kind)()
    return solution
