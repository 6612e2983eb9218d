"""The learning rate over the steps of a training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_core.train.options import Schedule


def rate_share(
    step: int, total: int, warmup_fraction: float, schedule: Schedule = "cosine"
) -> float:
    """Return the share of the learning rate at a step: a straight rise, then as `schedule` says.

    Source: Loshchilov and Hutter, "SGDR" (ICLR 2017), equation 5, without restarts, for "cosine".
    """
    warmup = round(total * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    return 1.0 - done if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
