"""Who runs where: the choice of the twin, and the register."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from kernels import _dispatch
from kernels._dispatch import Kernel, register
from kernels.rolling_windows import rolling_windows
from ml_core.errors import AssayError, DeviceError


def kernel(name="made_up", gpu_min_size=100):
    return Kernel(name, f"tests.{name}", lambda _: iter(()), 0.0, 0.0, gpu_min_size)


@pytest.fixture
def asked(monkeypatch):
    """The twins that were asked for, none of which is run."""
    names = []

    def note(_, twin):
        names.append(twin)
        return lambda *_: np.empty(0)

    monkeypatch.setattr(_dispatch, "load", note)
    return names


def run(size, device):
    return _dispatch.run(kernel(), size=size, device=device)


@pytest.mark.parametrize(
    ("here", "size", "device", "twin"),
    [
        (True, 99, "auto", "cpu"),
        (True, 100, "auto", "gpu"),
        (False, 100, "auto", "cpu"),
        (True, 1, "cuda", "gpu"),
        (True, 1000, "cpu", "cpu"),
        (False, 1000, "reference", "reference"),
    ],
)
def test_it_picks_the_twin_by_device_and_size(monkeypatch, asked, here, size, device, twin):
    monkeypatch.setattr(_dispatch, "has_cuda", lambda: here)

    run(size, device)

    assert asked == [twin]


def test_it_refuses_cuda_where_there_is_none_and_says_what_to_do(monkeypatch, asked):
    monkeypatch.setattr(_dispatch, "has_cuda", lambda: False)

    with pytest.raises(DeviceError, match=r"Got none\. Install the NVIDIA driver") as raised:
        run(1, "cuda")

    assert isinstance(raised.value, AssayError)
    assert asked == []


def test_it_refuses_a_device_without_a_name(asked):
    with pytest.raises(ValueError, match=r"`device` must be one of .* Got 'tpu'"):
        run(1, "tpu")


def test_the_simulator_is_no_device():
    code = "from kernels._dispatch import has_cuda; assert has_cuda() is False"

    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr


def test_importing_a_kernel_imports_no_compiler():
    code = (
        "import sys, kernels.rolling_windows, kernels.temporal_neighbors\n"
        "assert not {'numba', 'torch', 'polars'} & set(sys.modules)"
    )

    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr


def test_it_refuses_a_name_twice():
    with pytest.raises(ValueError, match=r"Got 'rolling_windows' twice"):
        register(kernel("rolling_windows"))


def test_threads_take_turns():
    entity, time = np.zeros(2000, np.int64), np.arange(2000)
    values = np.ones(2000)
    found = []

    def work():
        found.extend(
            rolling_windows(entity, time, values, [50], statistics=["count"], device="cpu").max()
            for _ in range(20)
        )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [50.0] * 80


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_computes_too():
    code = (
        "import os, numpy as np\n"
        "from kernels.rolling_windows import rolling_windows\n"
        "zero, time = np.zeros(5000, np.int64), np.arange(5000)\n"
        "run = lambda: rolling_windows(zero, time, np.ones(5000), [7], device='cpu')[-1, 0, 0]\n"
        "assert run() == 7\n"
        "child = os.fork()\n"
        "if child == 0: os._exit(0 if run() == 7 else 1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )

    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert ended.returncode == 0, ended.stderr
