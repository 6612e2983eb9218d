"""Training by one process or by several, as the options say."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_core.errors import ConfigError
from solutions.learning import LearningOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_core.tracking.run import Run
    from solutions.api import Options


def together(target: str, payload: Any, options: Options, run: Run) -> Any:
    """Call "module:function" with (payload, run), here or on each rank that the options ask for.

    Returns what it returns on the first rank, or None on a machine that has not that rank.
    Raises: ConfigError: if there are more processes than cores. Others: as the function does.
    """
    ranks = options.ranks() if isinstance(options, LearningOptions) else None
    if ranks is None:
        module, _, name = target.partition(":")
        return getattr(import_module(module), name)(payload, run)
    n_cores = len(os.sched_getaffinity(0))
    if ranks.device == "cpu" and ranks.here > n_cores:
        message = (
            f"Each process must have a core of its own. Got {ranks.here} for {n_cores} cores. "
            "Choose fewer processes."
        )
        raise ConfigError(message)
    from ml_core.train.ranks import run_ranks  # noqa: PLC0415  brings torch

    return run_ranks(target, payload, run=run, ranks=ranks)


@contextmanager
def own_folder(out: Path) -> Iterator[Path]:
    """Give the first rank the folder for the bundle, and others one that nobody keeps."""
    from ml_core.train import group  # noqa: PLC0415  brings torch

    if group.is_first():
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="assay-rank-") as name:
        yield Path(name)
