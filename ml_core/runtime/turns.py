"""Whose turn it is on a device that several models share."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Turns:
    """Let one at a time use a device, the one whose work is due first.

    Two at once would each take all cores, and neither could tell how long its batches take.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._n = 0
        self._is_taken = False

    @contextmanager
    def turn(self, due: float) -> Iterator[None]:
        """Wait until it is one's turn; the block is it."""
        with self._changed:
            self._n += 1
            mine = (due, self._n)
            self._waiting.append(mine)
            self._changed.wait_for(lambda: not self._is_taken and min(self._waiting) == mine)
            self._waiting.remove(mine)
            self._is_taken = True
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify_all()
