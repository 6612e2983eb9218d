"""Who runs where: one register of kernels, and the choice of the twin that does the work."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from kernels.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.random import Generator

Device = Literal["auto", "cpu", "cuda", "reference"]
Twin = Literal["reference", "cpu", "gpu"]

# For a CUDA twin that no device has timed yet: "auto" stays on the CPU, whatever the size.
UNMEASURED = 2**63 - 1

# Numba's work queue aborts the process when two threads enter it at once.
_one_at_a_time = threading.RLock()


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel: where its twins live, and how far they may differ from the reference.

    Attributes:
        name: the public function, and the folder.
        module: package of `reference.py`, `cpu.py` and `gpu.py`, imported on first use.
        cases: seeded inputs for the twin tests, as the arguments of each twin's `run`.
        rtol: relative difference allowed between a twin and the reference.
        atol: absolute difference allowed between a twin and the reference.
        gpu_min_size: below it "auto" stays on the CPU, since copying costs more.
    """

    name: str
    module: str
    cases: Callable[[Generator], Iterator[tuple[Any, ...]]]
    rtol: float
    atol: float
    gpu_min_size: int


_registered: dict[str, Kernel] = {}
KERNELS = MappingProxyType(_registered)


def register(kernel: Kernel) -> Kernel:
    """Put a kernel on the list that tests and benchmarks walk through.

    Raises: ValueError: if another kernel has the name.
    """
    if kernel.name in _registered:
        raise ValueError(
            f"The name of a kernel must be its own. Got {kernel.name!r} twice. Rename one of them."
        )
    _registered[kernel.name] = kernel
    return kernel


def discover() -> MappingProxyType[str, Kernel]:
    """Import every folder of kernels, and return all that they registered."""
    for found in iter_modules([str(Path(__file__).parent)]):
        if found.ispkg:
            import_module(f"kernels.{found.name}")
    return KERNELS


def run(kernel: Kernel, *args: Any, size: int, device: Device) -> np.ndarray[Any, Any]:
    """Run a kernel on checked arguments by the twin that serves the device.

    `size` is what decides for "auto": CUDA if it is real and the input is large, else CPU.

    Raises:
        ValueError: if the device has no such name.
        DeviceError: if "cuda" is asked for and there is none.
    """
    work = load(kernel, _choose(kernel, size, device))
    with _one_at_a_time:
        result: np.ndarray[Any, Any] = work(*args)
    return result


def load(kernel: Kernel, twin: Twin) -> Callable[..., Any]:
    """Return the `run` of one twin, imported now if it was not before."""
    if twin != "reference":
        _prefer_work_queue()
    function: Callable[..., Any] = import_module(f"{kernel.module}.{twin}").run
    return function


@cache
def has_cuda() -> bool:
    """Tell whether a real CUDA device is here; Numba's simulator is not one."""
    if import_module("numba").config.ENABLE_CUDASIM:
        return False
    return bool(import_module("numba.cuda").is_available())


def _choose(kernel: Kernel, size: int, device: Device) -> Twin:
    if device not in get_args(Device):
        raise ValueError(
            f"`device` must be one of {', '.join(get_args(Device))}. Got {device!r}. "
            "Pass one of them."
        )
    if device == "reference":
        return "reference"
    if device == "cuda" and not has_cuda():
        raise DeviceError(
            'A CUDA device must be present for device="cuda". Got none. Install the NVIDIA driver '
            'and the numba-cuda package, or pass device="auto" or device="cpu".'
        )
    if device == "cuda" or (device == "auto" and size >= kernel.gpu_min_size and has_cuda()):
        return "gpu"
    return "cpu"


@cache
def _prefer_work_queue() -> None:
    """Keep Numba off OpenMP, whose threads kill a child that was forked."""
    if "NUMBA_THREADING_LAYER" not in os.environ:
        import_module("numba").config.THREADING_LAYER = "workqueue"
