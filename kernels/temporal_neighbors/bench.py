"""What to time temporal neighbours on, and the same work by a library a user would pick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray


def sizes() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield small, medium and large inputs: some 350 events for each entity, 16 neighbours."""
    for name, n in (("small", 1_000), ("medium", 100_000), ("large", 2_000_000)):
        entity = np.random.default_rng(0).integers(0, n // 350 + 1, n)
        # No two events of one moment: a shift of rows, as the peer does it, then means the same.
        time = np.arange(n)
        yield name, (entity, time, entity, time, 16, 0)


def peers() -> dict[str, Callable[..., Any]]:
    """Return k shifts of rows by pandas, which know neither a delay nor ties."""
    return {"pandas": _pandas}


def _pandas(
    entity: NDArray[np.int64], _time: object, _asked: object, _when: object, k: int, *_: object
) -> list[Any]:
    pandas = import_module("pandas")
    rows = pandas.Series(np.arange(len(entity))).groupby(entity)
    return [rows.shift(step + 1, fill_value=-1) for step in range(k)]
