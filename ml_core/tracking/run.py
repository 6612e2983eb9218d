"""The one voice of running work: stage, progress, metrics, log, and the wish to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ml_core.errors import CancelledError

CANCELLED = "The run was cancelled. Nothing was kept. Start it again when ready."

if TYPE_CHECKING:
    from pathlib import Path


class Run(Protocol):
    """What a solution may tell and ask while it trains or predicts."""

    @property
    def seed(self) -> int:
        """The seed from which all randomness of this run follows."""
        ...

    def stage(self, name: str) -> None:
        """Enter a named stage ("features", "training"); progress starts at zero."""
        ...

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Report how much of this stage is done; `note` may name the unit ("rows")."""
        ...

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a figure, at a step (usually the epoch) when it belongs to a curve."""
        ...

    def log(self, message: str) -> None:
        """Write one line to the log of the run, free of personal data."""
        ...

    def artifact(self, path: Path) -> None:
        """Keep a file that the run has made."""
        ...

    def checkpoint(self, name: str) -> Path | None:
        """Return the file for the state of a named part of the work, or None to keep none.

        An attempt after a crash finds there what the one before has left, and goes on from it.
        """
        ...

    def cancelled(self) -> bool:
        """Tell whether somebody asked this run to stop; cheap enough for every step."""
        ...


@dataclass(frozen=True, slots=True)
class NullRun:
    """A run that nobody watches."""

    seed: int = 0

    def stage(self, name: str) -> None:
        """Ignore the stage."""

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Ignore the progress."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Ignore the figure."""

    def log(self, message: str) -> None:
        """Ignore the line."""

    def artifact(self, path: Path) -> None:
        """Ignore the file."""

    def checkpoint(self, name: str) -> Path | None:
        """Keep nothing."""

    def cancelled(self) -> bool:
        """Never ask to stop."""
        return False


def checkpoint_in(folder: Path | None, name: str) -> Path | None:
    """Return where the state of a named part lies in a folder, if there is one."""
    return None if folder is None else folder / f"{name}.safetensors"


def stop_if_cancelled(run: Run) -> None:
    """Raise `CancelledError` when the run has been asked to stop."""
    if run.cancelled():
        raise CancelledError(CANCELLED)
