"""Proof that an ONNX file computes what its network computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from ml_core.errors import ModelError
from ml_core.runtime.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def compare(
    module: torch.nn.Module,
    path: Path,
    examples: Mapping[str, torch.Tensor],
    *,
    atol: float = 1e-4,
) -> float:
    """Return the largest difference between `module` and the file, over all outputs.

    The whole batch is compared, and its first row alone, where a frozen axis would show.
    Raises: ModelError: if they differ by more than `atol`, or in shape.
    """
    session = Session(path, device="cpu")
    alone = {name: tensor[:1] for name, tensor in examples.items()}
    worst = largest([_difference(module, session, batch) for batch in (examples, alone)])
    if not worst <= atol:  # a NaN is no agreement either
        message = (
            f"The exported model must agree with its network to {atol:g}. Got {worst:g}. "
            "Do not use this bundle; look for an operation that the exporter changes."
        )
        raise ModelError(message)
    return worst


def _difference(
    module: torch.nn.Module, session: Session, batch: Mapping[str, torch.Tensor]
) -> float:
    wanted = _run(module, batch)
    got = list(session.run({name: tensor.cpu().numpy() for name, tensor in batch.items()}).values())
    shapes = [value.shape for value in wanted], [value.shape for value in got]
    if shapes[0] != shapes[1]:
        message = (
            f"The exported model must give outputs of shapes {shapes[0]}. Got {shapes[1]}. "
            "Check that no size is fixed inside the network."
        )
        raise ModelError(message)
    pairs = zip(wanted, got, strict=True)
    return largest([float(np.max(np.abs(a - b), initial=0.0)) for a, b in pairs])


def largest(differences: Sequence[float]) -> float:
    """Return the largest, or NaN if one of them is: Python's `max` may pass over it."""
    return float(np.max(differences))


def _run(module: torch.nn.Module, batch: Mapping[str, torch.Tensor]) -> list[NDArray[np.float64]]:
    module.eval()
    with torch.no_grad():
        result = module(**batch)
    if isinstance(result, Mapping):
        result = list(result.values())
    tensors = result if isinstance(result, Sequence) else [result]
    return [tensor.double().cpu().numpy() for tensor in tensors]
