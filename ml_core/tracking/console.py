"""A run that a person watches: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ml_core.tracking.run import checkpoint_in

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

QUIET = frozenset({"batch_loss"})  # a figure of every step would bury the rest


class ConsoleRun:
    """Show stages, progress and figures on standard error; use it as a context."""

    def __init__(
        self, seed: int = 0, console: Console | None = None, checkpoints: Path | None = None
    ) -> None:
        self.seed, self._checkpoints = seed, checkpoints
        self.console = console or Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._bar: TaskID | None = None
        self._stage = "working"

    def __enter__(self) -> ConsoleRun:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def stage(self, name: str) -> None:
        """Begin a bar, or say the name where there are no bars."""
        self._stage, self._bar = name, None
        if not self.console.is_terminal:
            self.log(f"Stage: {name}")

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Move the bar of the stage."""
        if self._bar is None:
            self._bar = self._bars.add_task(self._stage, total=total, note=note)
        self._bars.update(self._bar, completed=done, total=total, note=note)

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Say the figure."""
        if name not in QUIET:
            at = "" if step is None else f" at {step}"
            self.log(f"{name} = {value:.4g}{at}")

    def log(self, message: str) -> None:
        """Say it above the bars."""
        self.console.print(message, markup=False, soft_wrap=True)

    def artifact(self, path: Path) -> None:
        """Say where the file is."""
        self.log(f"Wrote {path}")

    def checkpoint(self, name: str) -> Path | None:
        """Return a file of the folder that was named, if one was."""
        return checkpoint_in(self._checkpoints, name)

    def cancelled(self) -> bool:
        """Never: Ctrl-C ends the whole program."""
        return False
