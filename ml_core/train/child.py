"""The far end of `launch.spawn`: take the work, do it, answer in JSON lines."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from ml_core.errors import AssayError, DataError, JobError
from ml_core.tracking.events import Event, EventRun, peak_memory_mb
from ml_core.train.memory import keep_freed_memory

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Do the one piece of work that standard input names."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    die_with_parent()
    keep_freed_memory()
    answers = _take_answers_pipe()
    work = json.loads(sys.stdin.readline())
    threading.Thread(target=_watch_parent, daemon=True).start()
    lock = threading.Lock()

    def answer(line: str) -> None:
        with lock:
            answers.write(line)
            answers.flush()

    kept = work["checkpoints"] and Path(work["checkpoints"])
    run = EventRun(lambda event: answer(event.to_line()), work["seed"], stop.is_set, kept)
    last = outcome(work, run)
    run.send(Event("peak_memory", {"mb": peak_memory_mb()}))
    answer(json.dumps(last) + "\n")
    return 0


def outcome(work: dict[str, Any], run: EventRun) -> dict[str, Any]:
    """Return the result, or the error if it is one of ours; any other is raised."""
    module, name = work["target"].split(":")
    try:
        function = getattr(importlib.import_module(module), name)
        return {"kind": "result", "data": function(work["payload"], run)}
    except AssayError as error:
        return {"kind": "error", "data": _described(error)}


def _described(error: AssayError) -> dict[str, Any]:
    data: dict[str, Any] = {"name": type(error).__name__, "message": str(error)}
    if isinstance(error, DataError):
        data |= {"name": "DataError", "issues": [asdict(issue) for issue in error.issues]}
    if isinstance(error, JobError):
        data["permanent"] = error.permanent
    return data


def _take_answers_pipe() -> IO[str]:
    """Keep the pipe for answers only: what libraries print goes to the error output."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "w", encoding="utf-8")


def die_with_parent() -> None:
    """Ask Linux to kill us with the parent, even while compiled code holds the interpreter."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch_parent() -> None:
    """End the whole group once standard input ends, which it does when the parent is gone."""
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
