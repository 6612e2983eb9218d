"""The three models under load: a small CNN, the casting detector, the fraud model."""

from __future__ import annotations

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ml_core.runtime.export import to_onnx
from ml_core.runtime.session import Session
from ml_core.tracking.run import NullRun
from solutions.casting.network import Detector
from solutions.casting.options import CastingOptions
from solutions.fraud import solution
from solutions.joining import join
from solutions.tables import open_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIDE = 64
DETECTOR_SIDE = 128


@dataclass(frozen=True, slots=True)
class Model:
    """What runs a batch, and rows to ask about."""

    name: str
    run: Callable[[Sequence[Any]], Sequence[Any]]
    items: Sequence[Any]
    budget_ms: float


class SmallCnn(torch.nn.Module):
    """Three convolutions and two dense layers: 4.2 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3, 2, 1), torch.nn.ReLU(),
            torch.nn.Conv2d(16, 32, 3, 2, 1), torch.nn.ReLU(),
            torch.nn.Conv2d(32, 64, 3, 2, 1), torch.nn.ReLU(),
        )  # fmt: skip
        self.head = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(64 * (SIDE // 8) ** 2, 1024), torch.nn.ReLU(),
            torch.nn.Linear(1024, 10),
        )  # fmt: skip

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(pictures))


def write_cnn(path: Path) -> Path:
    """Write the small CNN as ONNX."""
    torch.manual_seed(0)
    return to_onnx(SmallCnn(), {"pictures": torch.rand(2, 3, SIDE, SIDE)}, path, outputs=("odds",))


def pictures(n: int, side: int) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.random((3, side, side), dtype=np.float32) for _ in range(n)]


def encoded(n: int) -> list[str]:
    """Return pictures of the small CNN as they travel."""
    rng = np.random.default_rng(1)
    size = 3 * SIDE * SIDE
    return [base64.b64encode(rng.bytes(size)).decode("ascii") for _ in range(n)]


def decoded(text: str) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return flat.reshape(3, SIDE, SIDE).astype(np.float32) / 255


def cnn(budget_ms: float) -> Model:
    """Return the small CNN in ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session(write_cnn(Path(folder) / "cnn.onnx"), "cpu", threads=1)
    return Model("cnn", _stacked(session), pictures(64, SIDE), budget_ms)


def detector(budget_ms: float) -> Model:
    """Return the casting detector's network, untrained: what it has learnt costs no time."""
    torch.manual_seed(0)
    network = Detector(1, CastingOptions()).eval()
    examples = {"pictures": torch.rand(2, 3, DETECTOR_SIDE, DETECTOR_SIDE)}
    with tempfile.TemporaryDirectory() as folder:
        path = to_onnx(network, examples, Path(folder) / "m.onnx", outputs=("boxes", "scores"))
        session = Session(path, "cpu", threads=1)
    return Model("detector", _stacked(session), pictures(16, DETECTOR_SIDE), budget_ms)


def fraud(budget_ms: float) -> Model:
    """Return the fraud model, trained on its demo, asked about payments of strangers."""
    schema = solution.inputs()
    with open_batch(solution.demo(), schema) as batch, tempfile.TemporaryDirectory() as folder:
        options = solution.options(epochs=1)
        split = solution.split(batch, options, 0)
        out = Path(folder) / "bundle"
        out.mkdir()
        solution.train(split, options, NullRun(seed=0), out)
        predictor = solution.load(out, "cpu")
        rows = [batch.over(batch.frame.slice(n, 1)) for n in range(64)]

    def run(items: Sequence[Any]) -> list[float]:
        joined = join(items, schema, solution.ties or ())
        return predictor.predict(joined.batch).frame["score"].to_list()

    return Model("fraud", run, rows, budget_ms)


def _stacked(session: Session) -> Callable[[Sequence[Any]], list[Any]]:
    def run(items: Sequence[Any]) -> list[Any]:
        told = next(iter(session.run({"pictures": np.stack(items)}).values()))
        return list(told)

    return run
