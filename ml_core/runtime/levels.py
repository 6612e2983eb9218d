"""What the optimisation of an ONNX file is worth, and whether it changes what the file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_core.runtime.agreement import difference, taken_s
from ml_core.runtime.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_core.device import Device

FREE = 16  # length of an axis, other than the first, that the file leaves open


@dataclass(frozen=True, slots=True)
class Optimised:
    """A file at one size of batch: as it is, and as `provider` runs it.

    `difference` is the largest between both, in units of the largest output where that is above 1.
    """

    batch: int
    provider: str
    plain_ms: float
    optimised_ms: float
    difference: float

    @property
    def speedup(self) -> float:
        """How many times faster it is."""
        return self.plain_ms / self.optimised_ms

    @property
    def rows_per_s(self) -> float:
        """How many rows a second it computes in batches of this size."""
        return 1000 * self.batch / self.optimised_ms


def measure_levels(
    path: Path,
    batches: Sequence[int],
    *,
    device: Device = "auto",
    threads: int | None = None,
    repeats: int = 7,
) -> list[Optimised]:
    """Run a file as it is and optimised, in turns, at several sizes of batch.

    Numbers are drawn, and whole numbers are zero, which any table of words has.
    Raises: ModelError: if the file cannot be loaded or run.
    """
    plain = Session(path, "cpu", threads, level="none")
    fast = Session(path, device, threads)
    return [_measured(plain, fast, size, repeats) for size in batches]


def _measured(plain: Session, fast: Session, size: int, repeats: int) -> Optimised:
    inputs = _drawn(plain, size)
    wanted, got = (list(one.run(inputs).values()) for one in (plain, fast))
    took = taken_s({"plain": lambda: plain.run(inputs), "fast": lambda: fast.run(inputs)}, repeats)
    apart = difference(wanted, got)
    return Optimised(size, fast.provider, 1000 * took["plain"], 1000 * took["fast"], apart)


def _drawn(session: Session, size: int) -> Mapping[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    drawn = {}
    for name, axes in session.inputs.items():
        shape = [size, *(axis if isinstance(axis, int) else FREE for axis in axes[1:])]
        kind = session.dtypes[name]
        is_real = np.issubdtype(kind, np.floating)
        drawn[name] = (rng.random(shape) if is_real else np.zeros(shape)).astype(kind)
    return drawn
