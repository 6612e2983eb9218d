"""Writing a torch module as ONNX."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch

from ml_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OPSET = 20
# An operation that is not torch's own -> a function of onnxscript that writes it.
Translations = dict[Any, Any]


def to_onnx(
    module: torch.nn.Module,
    examples: Mapping[str, torch.Tensor],
    path: Path,
    *,
    outputs: Sequence[str],
    dynamic: str = "batch",
    translations: Translations | None = None,
) -> Path:
    """Write `module` to `path`, the weights inside the file.

    `translations` say how operations that are not torch's own are written (to onnxscript).

    Shapes: each example (n, ...) by the name of its argument of `forward`, n >= 2; the first
    axis of each becomes free, under the name `dynamic`. Leaves the module in eval mode.
    Raises: ModelError: if the examples share no free axis.
    """
    lengths = {tensor.shape[0] if tensor.ndim else 0 for tensor in examples.values()}
    if len(lengths) != 1 or min(lengths) < 2:
        message = (
            "Examples for the export must have one common first axis of 2 or more. "
            f"Got lengths {sorted(lengths)}. Give a small batch of real inputs."
        )
        raise ModelError(message)
    module.eval()
    axis = torch.export.Dim(dynamic)
    shapes = {name: {0: axis} for name in examples}
    program = _traced(module, examples, shapes, outputs, translations)
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(path, external_data=False)
    return path


def _traced(
    module: torch.nn.Module,
    examples: Mapping[str, torch.Tensor],
    shapes: Mapping[str, object],
    outputs: Sequence[str],
    translations: Translations | None,
) -> torch.onnx.ONNXProgram:
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own, about its own inside
            program = torch.onnx.export(
                module,
                (),
                kwargs=dict(examples),
                input_names=list(examples),
                output_names=list(outputs),
                dynamic_shapes=dict(shapes),
                opset_version=OPSET,
                custom_translation_table=translations,
                dynamo=True,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    if program is None:
        message = "The exporter must return a program. Got none. Check the module's forward."
        raise ModelError(message)
    return program
