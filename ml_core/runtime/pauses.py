"""Pauses that Python's collector of cycles makes in a process that answers."""

from __future__ import annotations

import gc


def spare_what_lives() -> None:
    """Let the collector pass over all objects that live now; call it after something was loaded.

    It goes through every object now and then, while nothing else runs. The libraries beneath a
    network are half a million objects, and going through them takes 0.2 s: many budgets of time.
    What was spared before is looked at once more, so that what was put away since is freed.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
