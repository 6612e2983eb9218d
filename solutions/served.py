"""A bundle as a model of MLflow: `mlflow models serve` answers rows with it.

The flavour is python_function with this module as its loader: the folder holds the bundle as it
is, and the code of the product beside it. Nothing is pickled.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_core.errors import ConfigError, DataError, ModelError
from solutions.rows import batch_of

if TYPE_CHECKING:
    from solutions.api import Predictor
    from solutions.registry import AnySolution

DATA, FACTS, BUNDLE = "assay", "assay.json", "bundle"
ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("kernels", "ml_core", "solutions")
# What a server needs to load a bundle, where it is installed here.
NEEDS = (
    "numpy", "polars", "pyarrow", "pydantic", "numba", "torch", "torchvision", "torch-geometric",
    "safetensors", "scikit-learn", "onnx", "onnxruntime-gpu", "xgboost-cpu", "pillow",
    "ultralytics", "tokenizers", "efficientnet-lite-pytorch", "cryptography", "rich",
)  # fmt: skip


class ServedModel:
    """What MLflow calls: rows in, one row of result for each, in their order."""

    def __init__(self, solution: AnySolution, predictor: Predictor) -> None:
        self._solution, self._predictor = solution, predictor

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # noqa: ARG002  MLflow's signature
        """Score a DataFrame of pandas; pictures and sounds are columns of base64.

        Raises: MlflowException: with the reasons, if a row cannot be used.
        """
        columns = {str(name): model_input[name].tolist() for name in model_input.columns}
        try:
            batch = batch_of(self._solution.inputs(), columns)
            return self._predictor.predict(batch).frame.to_pandas()
        except DataError as error:
            refusal = import_module("mlflow.exceptions").MlflowException
            raise refusal.invalid_parameter_value(str(error)) from error


def save_model(solution: AnySolution, bundle: Path, out: Path) -> Path:
    """Write a bundle as a model of MLflow into a new folder, whole or not at all.

    Raises: ConfigError: without MLflow, or if the folder is there. ModelError: if the bundle is
        damaged.
    """
    pyfunc = mlflow_module("mlflow.pyfunc")
    if out.exists():
        message = f"The model must be a new folder. Got {out}. Name another, or remove it."
        raise ConfigError(message)
    solution.load(bundle)  # a damaged one is refused here, not by who serves it
    kind = type(solution)
    facts = {
        "solution": f"{kind.__module__}:{kind.__qualname__}",
        "slug": solution.slug,
        "version": solution.version,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".mlflow-") as draft:
        data, code, model = Path(draft, DATA), Path(draft, "code"), Path(draft, "model")
        shutil.copytree(bundle, data / BUNDLE)
        (data / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")
        pyfunc.save_model(
            str(model),
            loader_module=__name__,
            data_path=str(data),
            code_paths=[str(path) for path in _code(code)],
            pip_requirements=_requirements(),
            metadata={"assay": facts},
        )
        model.rename(out)
    return out


def load_model(path: Path) -> ServedModel:
    """Load what `save_model` wrote, without MLflow. Raises: ModelError: if it is damaged."""
    return _load_pyfunc(str(path / "data" / DATA))


def _load_pyfunc(path: str) -> ServedModel:
    """Load the data of a model; MLflow calls this by its name."""
    folder = Path(path)
    try:
        named = str(json.loads((folder / FACTS).read_text("utf-8"))["solution"])
        module, _, kind = named.partition(":")
        solution: AnySolution = getattr(import_module(module), kind)()
    except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
        message = (
            f"A model must name a solution that is installed in {FACTS}. Got {error}. "
            "Serve it with the code that it was saved with."
        )
        raise ModelError(message) from error
    return ServedModel(solution, solution.load(folder / BUNDLE))


def mlflow_module(name: str) -> Any:
    """Import a module of MLflow. Raises: ConfigError: if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        message = "MLflow must be installed for this. It is not. Run pip install 'mlflow>=3.17,<4'."
        raise ConfigError(message) from error


def _code(folder: Path) -> list[Path]:
    """Copy the rooms that a bundle needs, without what only tests and demos need."""
    ignored = shutil.ignore_patterns("__pycache__", "demo", "bench.py", "*.md")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=ignored)
    return [folder / room for room in ROOMS]


def _requirements() -> list[str]:
    found = []
    for name in NEEDS:
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found
