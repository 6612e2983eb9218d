"""What took long to make of a network, kept under a name that says what it was made from."""

from __future__ import annotations

import hashlib
import inspect
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch

from ml_core.runtime.export import OPSET, to_onnx
from ml_core.runtime.keeping import put

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def cached_onnx(
    module: torch.nn.Module,
    examples: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    folder: Path,
) -> Path:
    """Return the ONNX file of a network, exported unless the folder has it.

    The same code, weights, shapes and versions are the same file. Raises: ModelError: as `to_onnx`.
    """
    path = folder / f"{key_of_module(module, examples, outputs)}.onnx"
    if not path.is_file():
        put(path, lambda draft: to_onnx(module, examples, draft, outputs=outputs))
    return path


def key_of_module(
    module: torch.nn.Module, examples: Mapping[str, torch.Tensor], outputs: Sequence[str]
) -> str:
    """Return a digest of all that an export depends on; the length of the batch is not."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    words = [repr(module), *sorted({_code(part) for part in module.modules()})]
    words += [f"{k} {v.dtype} {tuple(v.shape[1:])}" for k, v in examples.items()]
    words += [*outputs, f"opset {OPSET}", *(f"{p} {version(p)}" for p in ("torch", "onnxscript"))]
    digest.update("\0".join(words).encode())
    return digest.hexdigest()[:32]


def _code(module: torch.nn.Module) -> str:
    try:
        return inspect.getsource(type(module))
    except (OSError, TypeError):  # defined where no file is, such as at a prompt
        return f"{type(module).__module__}.{type(module).__qualname__}"
