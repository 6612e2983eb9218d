"""Running an ONNX file: one session, on the device that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

from ml_core.device import Device, resolve
from ml_core.errors import DeviceError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# ONNX Runtime's errors share no base of their own.
ERRORS: tuple[type[Exception], ...] = (
    state.EPFail,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoModel,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
    ValueError,
)
DTYPES = {"float": np.float32, "double": np.float64, "int64": np.int64, "bool": np.bool_}
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Session:
    """A loaded ONNX model. `threads` bounds the cores it may take; None lets it take all."""

    def __init__(self, path: Path, device: Device = "auto", threads: int | None = None) -> None:
        wanted = resolve(device)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        providers = list(dict.fromkeys((PROVIDERS[wanted], PROVIDERS["cpu"])))
        self._session = _open(path, options, providers)
        self.device = wanted
        # The list of available providers names CUDA on any machine: only the session knows.
        if PROVIDERS[wanted] not in self._session.get_providers():
            if device == "cuda":
                message = (
                    'Device "cuda" must be usable by ONNX Runtime. Got a session on the CPU. '
                    'Install the CUDA libraries that it names in its log, or use "cpu".'
                )
                raise DeviceError(message)
            self.device = "cpu"
        self.inputs = {node.name: list(node.shape) for node in self._session.get_inputs()}
        self.outputs = tuple(node.name for node in self._session.get_outputs())

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute all outputs by name; no rows in give no rows out.

        Raises: ModelError: if an input is missing, unknown, or of another shape or type.
        """
        if set(inputs) != set(self.inputs):
            message = (
                f"The inputs of the model must be {sorted(self.inputs)}. Got {sorted(inputs)}. "
                "Use the bundle with the code that wrote it."
            )
            raise ModelError(message)
        arrays = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        if any(array.size == 0 for array in arrays.values()):
            # Some of ONNX Runtime's operators (GRU in 1.31) abort the whole process on no rows.
            return {node.name: _no_rows(node) for node in self._session.get_outputs()}
        try:
            values = self._session.run(list(self.outputs), arrays)
        except ERRORS as error:
            message = (
                f"The model must accept its inputs. Got an error of the runtime: {error} "
                "Use the bundle with the code that wrote it."
            )
            raise ModelError(message) from error
        return dict(zip(self.outputs, values, strict=True))


def _no_rows(node: ort.NodeArg) -> NDArray[Any]:
    dtype = DTYPES[node.type.removeprefix("tensor(").removesuffix(")")]
    return np.empty([axis if isinstance(axis, int) else 0 for axis in node.shape], dtype)


def _open(path: Path, options: ort.SessionOptions, providers: list[str]) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(path, options, providers=providers)
    except ERRORS as error:
        message = (
            f"A model must be a whole ONNX file. Got {path.name!r}, which cannot be loaded. "
            "Train again, or restore the bundle from a backup."
        )
        raise ModelError(message) from error
