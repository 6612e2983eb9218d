"""How much memory the work of a process takes, its child processes included."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

_MB = 2**20


class PeakMemory:
    """The highest memory since the last reset: exact for this process, sampled for children."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._sampled = 0.0
        self.reset()

    def reset(self) -> None:
        """Begin a new measurement."""
        self._sampled = 0.0
        # Linux forgets the high-water mark of a process when asked so.
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", "ascii")

    def sample(self) -> None:
        """Look at this process and its children now."""
        total = float(self._process.memory_info().rss)
        for child in self._process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                total += child.memory_info().rss
        self._sampled = max(self._sampled, total / _MB)

    @property
    def megabytes(self) -> float:
        """Return the peak since the last reset, in MiB."""
        self.sample()
        return round(max(self._sampled, _high_water_mb()), 1)


def _high_water_mb() -> float:
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return 0.0
    marks = (line.split() for line in lines if line.startswith("VmHWM:"))
    return next((float(mark[1]) / 1024 for mark in marks), 0.0)
