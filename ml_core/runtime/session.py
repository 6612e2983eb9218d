"""Running an ONNX file: one session, on the device that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

from ml_core.device import Device, resolve
from ml_core.errors import DeviceError, ModelError
from ml_core.runtime.keeping import key_of_file, put

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
DTYPES = {
    "float": np.float32, "float16": np.float16, "double": np.float64, "bool": np.bool_,
    "int64": np.int64, "int32": np.int32, "int8": np.int8, "uint8": np.uint8,
}  # fmt: skip
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
TENSORRT = "TensorrtExecutionProvider"
Level = Literal["none", "basic", "extended", "all"]
LEVELS = {
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


class Session:
    """A loaded ONNX model. `threads` bounds the cores it may take; None lets it take all.

    `level` is how far the graph is optimised; the whole of it is the usual. With `cache`, a folder,
    the optimised graph is kept there for the next time on a machine of this kind. `tensorrt` asks
    for TensorRT before CUDA, which takes minutes at the first time. `provider` is what really runs.
    """

    def __init__(
        self,
        path: Path,
        device: Device = "auto",
        threads: int | None = None,
        *,
        level: Level = "all",
        cache: Path | None = None,
        tensorrt: bool = False,
    ) -> None:
        wanted = resolve(device)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = LEVELS[level]
        if threads is not None:
            options.intra_op_num_threads = threads
        first = (TENSORRT,) if tensorrt and wanted == "cuda" else ()
        providers = list(dict.fromkeys((*first, PROVIDERS[wanted], PROVIDERS["cpu"])))
        if cache is None or wanted != "cpu":
            self._session = _open(path, options, providers)
        else:
            self._session = _open_kept(path, options, cache, level)
        self.device = wanted
        self.provider: str = self._session.get_providers()[0]
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
        self.dtypes = {node.name: _dtype(node) for node in self._session.get_inputs()}
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


def _open_kept(
    path: Path, options: ort.SessionOptions, cache: Path, level: str
) -> ort.InferenceSession:
    """Load the optimised graph of a file from a cache; optimise it and keep that where it lacks."""
    kept = cache / f"{key_of_file(path, ort.__version__, level)}.onnx"
    providers = [PROVIDERS["cpu"]]
    if kept.is_file():
        options.graph_optimization_level = LEVELS["none"]
        try:
            return ort.InferenceSession(kept, options, providers=providers)
        except ERRORS:  # cut short by a full disk, say: it is made again
            kept.unlink(missing_ok=True)
            options.graph_optimization_level = LEVELS[level]
    made = []

    def write(draft: Path) -> None:
        options.optimized_model_filepath = str(draft)
        made.append(_open(path, options, providers))

    put(kept, write)
    return made[0]


def _no_rows(node: ort.NodeArg) -> NDArray[Any]:
    return np.empty([axis if isinstance(axis, int) else 0 for axis in node.shape], _dtype(node))


def _dtype(node: ort.NodeArg) -> Any:
    return DTYPES[node.type.removeprefix("tensor(").removesuffix(")")]


def _open(path: Path, options: ort.SessionOptions, providers: list[str]) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(path, options, providers=providers)
    except ERRORS as error:
        message = (
            f"A model must be a whole ONNX file. Got {path.name!r}, which cannot be loaded. "
            "Train again, or restore the bundle from a backup."
        )
        raise ModelError(message) from error
