"""What a run says, as values and as JSON lines: for a pipe, for a file, for another run."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ml_core.tracking.run import checkpoint_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_core.tracking.run import Run

Kind = Literal["stage", "progress", "metric", "log", "artifact", "peak_memory"]
PROGRESS_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a run said; `data` has the arguments of the run's method by name.

    `peak_memory` has {"mb": float}, of the process so far.
    """

    kind: Kind
    data: Mapping[str, Any]

    def to_line(self) -> str:
        """Return one line of JSON, with its end."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(slots=True)
class EventRun:
    """A run that sends all it is told as events; progress at most ten times a second."""

    send: Callable[[Event], None]
    seed: int = 0
    asked_to_stop: Callable[[], bool] = bool
    checkpoints: Path | None = None
    _next_progress: float = field(default=0.0, repr=False)

    def stage(self, name: str) -> None:
        """Send the stage, and the memory that was used until it."""
        self._next_progress = 0.0
        self.send(Event("peak_memory", {"mb": peak_memory_mb()}))
        self.send(Event("stage", {"name": name}))

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Send the progress when the last is old enough, and always when all is done."""
        now = time.monotonic()
        if now >= self._next_progress or done >= total:
            self._next_progress = now + PROGRESS_EVERY_S
            self.send(Event("progress", {"done": done, "total": total, "note": note}))

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Send the figure."""
        self.send(Event("metric", {"name": name, "value": float(value), "step": step}))

    def log(self, message: str) -> None:
        """Send the line."""
        self.send(Event("log", {"message": message}))

    def artifact(self, path: Path) -> None:
        """Send where the file is."""
        self.send(Event("artifact", {"path": str(path)}))

    def checkpoint(self, name: str) -> Path | None:
        """Return a file of the folder for checkpoints, if there is one."""
        return checkpoint_in(self.checkpoints, name)

    def cancelled(self) -> bool:
        """Tell whether somebody asked this run to stop."""
        return self.asked_to_stop()


def file_run(path: Path, seed: int = 0) -> EventRun:
    """Return a run that is written to a file of JSON lines, each as it is said."""

    def append(event: Event) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(event.to_line())

    return EventRun(append, seed)


def read_events(path: Path) -> list[Event]:
    """Return what a file run has written."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Event(**json.loads(line)) for line in lines]


def relay(run: Run) -> Callable[[Event], None]:
    """Return a listener that tells `run` what an event says."""

    def listen(event: Event) -> None:
        if event.kind == "artifact":
            run.artifact(Path(event.data["path"]))
        elif event.kind != "peak_memory":
            getattr(run, event.kind)(**event.data)

    return listen


def peak_memory_mb() -> float:
    """Return the most memory that this process has held.

    Source: VmHWM of proc(5); `ru_maxrss` would count the parent from before exec as well.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
