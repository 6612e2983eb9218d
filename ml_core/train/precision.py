"""The number format that the forward pass computes in, and what small gradients need in it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ml_core.train.options import Precision

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return the context of a forward pass."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision])


def scaler_for(device: torch.device, precision: Precision) -> torch.amp.GradScaler:
    """Return what scales the loss up and gradients down again; it does nothing but for fp16.

    bf16 has the range of fp32. fp16 ends at 6e-8: smaller gradients would be zero. A step whose
    scaled gradients overflow is left out, and the scale is halved.

    Source: Micikevicius et al., "Mixed precision training" (ICLR 2018), section 3.2.
    """
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")
