"""Work that the tests of `spawn` send into a child process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ml_core.errors import DataError, Issue, JobError, ModelError
from ml_core.tracking.run import stop_if_cancelled


def echo(payload, run):
    return {"payload": payload, "seed": run.seed, "pid": os.getpid()}


def talk(payload, run):
    run.stage("reading")
    run.progress(1, 2, "rows")
    run.progress(2, 2, "rows")
    run.metric("loss", 0.5, 3)
    run.log("half way")
    run.artifact(Path("model.onnx"))


def environment(payload, run):
    return {name: os.environ.get(name) for name in payload}


def fail(payload, run):
    raise {
        "data": DataError([Issue("range", "Too big.", "amount", 7), Issue("null", "Empty.")]),
        "model": ModelError("Broken."),
        "job": JobError("Full.", permanent=False),
        "own": ZeroDivisionError("by nought"),
    }[payload]


def use_memory(payload, run):
    block = bytearray(payload * 2**20)
    return len(block)


def die(payload, run):
    os.kill(os.getpid(), payload)


def obey(payload, run):
    run.stage("waiting")
    while True:
        stop_if_cancelled(run)
        time.sleep(0.01)


def ignore(payload, run):
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    run.log(f"{os.getpid()} {grandchild.pid}")
    while True:
        time.sleep(0.01)


def leave_grandchild(payload, run):
    """Die while a forked process holds the pipe open."""
    if os.fork() == 0:
        time.sleep(600)
    os.kill(os.getpid(), signal.SIGKILL)
