"""What to time sums by segment on, and the same work by a library a user would pick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray


def sizes() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield small, medium and large inputs: ten values a segment."""
    for name, n in (("small", 1_000), ("medium", 100_000), ("large", 5_000_000)):
        rng = np.random.default_rng(0)
        yield name, (rng.normal(0, 1, n), rng.integers(0, n // 10, n), n // 10)


def peers() -> dict[str, Callable[..., Any]]:
    """Return the same by NumPy's weighted count."""
    return {"numpy": _bincount}


def _bincount(
    values: NDArray[np.float64], segments: NDArray[np.int64], n_segments: int
) -> NDArray[np.float64]:
    return np.bincount(segments, values, n_segments).astype(np.float64, copy=False)
