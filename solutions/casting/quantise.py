"""Eight-bit weights after training: a smaller file, measured beside the full one.

The first three convolutions (the stem and the block that is never learnt) stay in float, and so
does the decoding, which is not in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml_core.compress.cost import costs
from ml_core.compress.quantize import post_training, spread
from solutions.bundle import EIGHT_BITS, NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from solutions.casting.lesson import Lesson

N_IN_FLOAT = 3  # on NEU-DET eight bits there cost one point of mAP50, and save 1 kB


def quantised(
    out: Path, lesson: Lesson, full: dict[str, float], measure: Callable[[str], dict[str, float]]
) -> list[dict[str, Any]]:
    """Write model.int8.onnx, and return both forms with size, latency and metrics."""
    samples = ({"pictures": _one(lesson, row)} for row in spread(len(lesson)))
    post_training(out / NETWORK, out / EIGHT_BITS, samples, n_in_float=N_IN_FLOAT)
    taken = costs({"FP32": out / NETWORK, "INT8": out / EIGHT_BITS}, {"pictures": _one(lesson, 0)})
    figures = {"FP32": full, "INT8": measure(EIGHT_BITS)}
    return [
        {"name": name, "size_mb": cost.size_mb, "latency_ms": cost.latency_ms, **figures[name]}
        for name, cost in taken.items()
    ]


def _one(lesson: Lesson, row: int) -> Any:
    return lesson.pixels[row][None].astype(np.float32) / 255
