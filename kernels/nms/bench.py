"""What to time non-maximum suppression on, and the same work by a library a user would pick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray


def sizes() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield small, medium and large inputs: a few boxes around each of n / 20 things."""
    for name, n in (("small", 300), ("medium", 3_000), ("large", 30_000)):
        rng = np.random.default_rng(0)
        middle = rng.uniform(0, 4_000, (n // 20, 2))[rng.integers(0, n // 20, n)]
        middle += rng.normal(0, 4, (n, 2))
        half = rng.uniform(15, 30, (n, 2))
        boxes = np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)
        scores = rng.random(n).astype(np.float32)
        yield name, (boxes, scores, rng.integers(0, 5, n), 0.6, 300)


def peers() -> dict[str, Callable[..., Any]]:
    """Return the same by torchvision, which finds all boxes before the surest are taken."""
    return {"torchvision": _torchvision}


def _torchvision(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int64],
    overlap: float, most: int,
) -> Any:  # fmt: skip
    torch, ops = import_module("torch"), import_module("torchvision.ops")
    arrays = (torch.from_numpy(array) for array in (boxes, scores, classes))
    return ops.batched_nms(*arrays, overlap)[:most]
