"""The logistic model as an ONNX graph, built by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ml_core.errors import ModelError
from ml_core.runtime.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from ml_core.typing import FloatArray


def write_network(
    path: Path, centre: FloatArray, spread: FloatArray, weight: FloatArray, table: FloatArray
) -> float:
    """Write sigmoid(((x - centre) / spread) w + b) and return how far it is from NumPy's."""
    constants = {
        "centre": centre,
        "spread": spread,
        "weight": weight[:-1].reshape(-1, 1),
        "bias": weight[-1:],
    }
    steps = [
        ("Sub", ["table", "centre"], "moved"),
        ("Div", ["moved", "spread"], "scaled"),
        ("Gemm", ["scaled", "weight", "bias"], "odds"),
        ("Sigmoid", ["odds"], "score"),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, given, [result]) for kind, given, result in steps],
        "weld",
        [helper.make_tensor_value_info("table", TensorProto.DOUBLE, ["batch", len(centre)])],
        [helper.make_tensor_value_info("score", TensorProto.DOUBLE, ["batch", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, path)
    odds = (table - centre) / spread @ weight[:-1] + weight[-1]
    got = Session(path, "cpu", threads=1).run({"table": table})["score"][:, 0]
    parity = float(np.abs(got - 1 / (1 + np.exp(-odds))).max())
    if not parity < 1e-6:
        message = f"The exported model must agree with its own sum. Got {parity}. Do not use it."
        raise ModelError(message)
    return parity
