"""Which device does the work: what is asked for, and what is really there."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from ml_core.errors import DeviceError

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda"]


@lru_cache(maxsize=1)
def has_cuda() -> bool:
    """Ask the NVIDIA driver itself for a device; costs no import of torch.

    Libraries list CUDA because they were built with it, driver or not, so they are not asked.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return (
        driver.cuInit(0) == 0
        and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        and count.value > 0
    )


def resolve(device: Device) -> Literal["cpu", "cuda"]:
    """Turn "auto" into what is there, and refuse a CUDA device that is not.

    Raises: DeviceError: if "cuda" is asked for on a machine without one.
    """
    if device == "cuda" and not has_cuda():
        message = 'Device "cuda" must have an NVIDIA driver. Got none. Use "cpu" or "auto".'
        raise DeviceError(message)
    if device == "auto":
        return "cuda" if has_cuda() else "cpu"
    return device


def pick_device(device: Device = "auto") -> torch.device:
    """Return the torch device for a wish. Raises: DeviceError: if it is not there."""
    import torch  # noqa: PLC0415  heavy, and most of this module is used without it

    return torch.device(resolve(device))
