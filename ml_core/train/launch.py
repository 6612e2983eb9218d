"""Running work in a process of its own: memory comes back, a crash harms nobody, cancel works.

The child is spawned, never forked, so CUDA, OpenMP and Numba start clean in it. It takes its
work on standard input, and answers on a pipe with JSON lines (`ml_core.train.child`).
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ml_core import errors
from ml_core.errors import CancelledError, DataError, Issue, JobError
from ml_core.tracking.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
GRACE_S = 10.0
POLL_S = 0.1
EXIT_S = 5.0
SECRETS = ("SECRET", "KEY", "PASSWORD", "TOKEN", "DATABASE_URL", "BROKER_URL", "MLFLOW")
TYPED = ("CancelledError", "ConfigError", "DeviceError", "IntegrityError", "ModelError")


def spawn(  # noqa: PLR0913  what to run, who listens, who may stop it, and where it runs
    target: str,
    payload: Any,
    *,
    on_event: Callable[[Event], None],
    cancelled: Callable[[], bool],
    seed: int = 0,
    env: Mapping[str, str] | None = None,
    grace_s: float = GRACE_S,
    checkpoints: Path | None = None,
) -> Any:
    """Call `function(payload, run)` in a new process and return its result.

    `target` is "module:function"; payload and result are plain JSON. The `run` that the function
    gets sends every word to `on_event`, here, in this thread; `relay(run)` of
    `ml_core.tracking.events` makes a listener from a run. When `cancelled()` turns true the child
    is asked to stop, and killed after `grace_s`. It never outlives this process. Secrets in the
    environment stay behind. What the run is asked to checkpoint goes to the folder `checkpoints`.

    Raises: DataError, CancelledError, ModelError and their like: as the function raised them.
        JobError: if the child ended in any other way; permanent unless a signal killed it.
    """
    with tempfile.TemporaryFile() as complaints:
        child = _Child.start(complaints, _environment(env or {}))
        try:
            kept = None if checkpoints is None else str(checkpoints)
            work = {"target": target, "payload": payload, "seed": seed, "checkpoints": kept}
            child.order(work)
            child.follow(on_event, _Patience(cancelled, grace_s))
        finally:
            child.end()
        return child.outcome(complaints)


@dataclass(slots=True)
class _Patience:
    """Whether, and since when, somebody has wanted the child to stop."""

    cancelled: Callable[[], bool]
    grace_s: float
    asked_at: float = field(default=0.0)

    def is_new(self) -> bool:
        if self.asked_at or not self.cancelled():
            return False
        self.asked_at = time.monotonic()
        return True

    def is_over(self) -> bool:
        return bool(self.asked_at) and time.monotonic() > self.asked_at + self.grace_s


@dataclass(slots=True)
class _Child:
    """The process, what it has said, and how it ended."""

    process: subprocess.Popen[str]
    lines: queue.SimpleQueue[str | None]
    result: list[Any] = field(default_factory=list)
    error: Mapping[str, Any] | None = None
    was_asked: bool = False

    @classmethod
    def start(cls, complaints: IO[bytes], env: Mapping[str, str]) -> _Child:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ml_core.train.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=env,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # a group of its own, to be ended as a whole
        )
        child = cls(process, queue.SimpleQueue())
        threading.Thread(target=child._listen, daemon=True).start()
        return child

    def order(self, work: Mapping[str, Any]) -> None:
        """Hand over the work; the pipe stays open as the sign that we live."""
        assert self.process.stdin is not None  # noqa: S101  it was opened as a pipe
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(work) + "\n")
            self.process.stdin.flush()

    def follow(self, on_event: Callable[[Event], None], patience: _Patience) -> None:
        """Pass on events until the child has said its last word."""
        while True:
            if patience.is_new():
                self.was_asked = True
                self.process.send_signal(signal.SIGTERM)
            if patience.is_over():
                self._signal_group(signal.SIGKILL)
            try:
                line = self.lines.get(timeout=POLL_S)
            except queue.Empty:
                if self._has_ended():
                    self._signal_group(signal.SIGKILL)  # grandchildren hold the pipe open
                continue
            if line is None:
                self._await_exit()
                return
            self._take(json.loads(line), on_event)

    def end(self) -> None:
        """Leave no process and no pipe behind."""
        self._signal_group(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def outcome(self, complaints: IO[bytes]) -> Any:
        """Return the result, or raise what went wrong."""
        if self.error is not None:
            raise as_error(self.error)
        if self.result:
            return self.result[0]
        if self.was_asked:
            message = "The work was cancelled. Nothing was kept. Start it again when ready."
            raise CancelledError(message)
        raise _crash(self.process.returncode, complaints)

    def _listen(self) -> None:
        assert self.process.stdout is not None  # noqa: S101  it was opened as a pipe
        with suppress(ValueError):  # closed under us by `end`
            for line in self.process.stdout:
                self.lines.put(line)
        self.lines.put(None)

    def _take(self, message: dict[str, Any], on_event: Callable[[Event], None]) -> None:
        if message["kind"] == "result":
            self.result = [message["data"]]
        elif message["kind"] == "error":
            self.error = message["data"]
        else:
            on_event(Event(message["kind"], message["data"]))

    def _await_exit(self) -> None:
        # Without an answer the exit code is the reason, so it must not be ours from killing it.
        deadline = time.monotonic() + EXIT_S
        silent = not self.result and self.error is None
        while silent and not self._has_ended() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _has_ended(self) -> bool:
        # Looks without collecting, so that the group's number cannot be given to another yet.
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return (
            self.process.returncode is not None
            or os.waitid(os.P_PID, self.process.pid, flags) is not None
        )

    def _signal_group(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in SECRETS)
    }
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    # Numba's OpenMP layer kills children that fork, as data loaders do.
    fixed = {"NUMBA_THREADING_LAYER": "workqueue", "PYTHONPATH": os.pathsep.join(paths)}
    return kept | fixed | dict(extra)


def as_error(data: Mapping[str, Any]) -> errors.AssayError:
    """Return the error that a child has described."""
    name, message = data["name"], data["message"]
    if name == "DataError":
        return DataError([Issue(**issue) for issue in data["issues"]])
    if name in TYPED:
        typed: errors.AssayError = getattr(errors, name)(message)
        return typed
    return JobError(message, permanent=bool(data.get("permanent", True)))


def _crash(code: int, complaints: IO[bytes]) -> JobError:
    if code < 0:
        reason = f"signal {signal.Signals(-code).name}"
        hint = "Try again; if it happens again, give the worker more memory."
        return JobError(_ended(reason, hint), permanent=False)
    complaints.seek(0)
    last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
    reason = last[0] if last else f"exit code {code}"
    return JobError(_ended(reason, "Report it with the log of this job."), permanent=True)


def _ended(reason: str, hint: str) -> str:
    return f"The child process must end with a result. Got {reason}. {hint}"
