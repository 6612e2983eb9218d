"""The welds once more, as a solution that wants a GPU: its jobs go into the queue of that name."""

from __future__ import annotations

from tests.dummy_solution import Weld


class HeavyWeld(Weld):
    """The same network; what differs is who may work on it."""

    slug = "heavy"
    title = "Weld failure on a GPU"
    queue = "gpu"


solution = HeavyWeld()
