"""A process that learns keeps freed memory, where the C library can be asked to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ml_core.train import memory

CODE = """
import numpy as np, resource
from ml_core.train.memory import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(8_000_000, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
first = faults()
if not keep_freed_memory():
    print("none")
else:
    faults()
    print("fewer" if faults() < first / 5 else "as many")
"""


def test_a_freed_block_is_used_again_without_asking_the_system():
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)  # noqa: S603  our own code

    if told.stdout.strip() == "none":
        pytest.skip("not the GNU C library")
    assert told.stdout.strip() == "fewer"


def test_elsewhere_it_leaves_memory_alone(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")

    assert memory.keep_freed_memory() is False
