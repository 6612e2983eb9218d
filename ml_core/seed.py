"""One seed, and all randomness from it."""

from __future__ import annotations

import random
import zlib

import numpy as np


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and torch, for libraries that draw from their global generators."""
    import torch  # noqa: PLC0415  heavy, and `generator` is used without it

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  the very global that others draw from
    torch.manual_seed(seed)


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return a generator for one purpose, so that no two purposes share their draws.

    `generator(seed, "batches", epoch)` is the same in a run that was resumed at that epoch.
    """
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in purpose]
    return np.random.default_rng([seed, *words])
