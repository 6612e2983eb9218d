"""Eight-bit weights after training: a smaller file, measured beside the full one.

Source: ONNX Runtime's static quantisation in QDQ form, per channel, with ranges from pictures of
the training part (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
Clip is quantised with the convolutions, else a range is taken before ReLU6 has cut it; the first
three convolutions (the stem and the block that is never learnt) stay in float, and so does the
decoding, which is not in the file.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from ml_core.runtime.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from solutions.casting.lesson import Lesson

N_CALIBRATION = 128
N_IN_FLOAT = 3  # on NEU-DET eight bits there cost one point of mAP50, and save 1 kB
N_TIMED = 20


def quantised(
    out: Path, lesson: Lesson, full: dict[str, float], measure: Callable[[str], dict[str, float]]
) -> list[dict[str, Any]]:
    """Write model.int8.onnx, and return both forms with size, latency and metrics."""
    write_int8(out / "model.onnx", out / "model.int8.onnx", lesson)
    small = measure("model.int8.onnx")
    return [
        {"name": name, **_cost(out / file, lesson), **metrics}
        for name, file, metrics in (
            ("FP32", "model.onnx", full), ("INT8", "model.int8.onnx", small),
        )
    ]  # fmt: skip


def write_int8(source: Path, target: Path, lesson: Lesson) -> None:
    """Quantise an ONNX file with ranges from pictures of a lesson."""

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package carries no types
        def __init__(self) -> None:
            # Spread over all: pictures that follow each other show one class, or one part.
            n = min(N_CALIBRATION, len(lesson))
            self.rows = iter(np.linspace(0, len(lesson) - 1, n).astype(int).tolist())

        def get_next(self) -> dict[str, Any] | None:
            row = next(self.rows, None)
            return None if row is None else {"pictures": _one(lesson, row)}

    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / "clean.onnx"
        quant_pre_process(str(source), str(clean), skip_symbolic_shape=True)
        convolutions = [n.name for n in onnx.load(clean).graph.node if n.op_type == "Conv"]
        quantize_static(
            str(clean), str(target), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            reduce_range=True, op_types_to_quantize=["Conv", "MatMul", "Clip"],
            nodes_to_exclude=convolutions[:N_IN_FLOAT], activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )  # fmt: skip
    _strip(target)


def _strip(path: Path) -> None:
    """Leave out shapes between the layers, which are worked out anew at loading."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    onnx.save(model, path)


def _one(lesson: Lesson, row: int) -> Any:
    return lesson.pixels[row % len(lesson)][None].astype(np.float32) / 255


def _cost(path: Path, lesson: Lesson) -> dict[str, float]:
    """Return size, and the median time of one picture through the network alone."""
    session = Session(path, "cpu", threads=2)
    seconds = []
    for row in range(N_TIMED):
        picture = _one(lesson, row)
        began = time.perf_counter()
        session.run({"pictures": picture})
        seconds.append(time.perf_counter() - began)
    size = round(path.stat().st_size / 1e6, 3)
    return {"size_mb": size, "latency_ms": round(1000 * float(np.median(seconds)), 2)}
