"""What a trained model keeps besides its weights: how to prepare, combine, calibrate, alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ml_core.errors import ModelError
from solutions import bundle
from solutions.fraud.features import FEATURES
from solutions.fraud.graph import CARD_COLUMNS, TERMINAL_COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from ml_core.typing import BoolArray, FloatArray, IntArray

FORMAT = 1
NETWORK, BASELINE = "model.onnx", "baseline.json"
WEIGHTS, SEEN = "weights.safetensors", "seen.safetensors"
Shipped = Literal["network", "baseline", "blend"]
SHARE: dict[Shipped, float] = {"network": 1.0, "baseline": 0.0, "blend": 0.5}
"""The network's share in the log-odds; the rest is the baseline's."""


class Preparation(bundle.Preparation):
    """Everything about scoring that is no weight."""

    format: int = FORMAT
    features: tuple[str, ...] = FEATURES
    card_columns: tuple[str, ...] = CARD_COLUMNS
    terminal_columns: tuple[str, ...] = TERMINAL_COLUMNS
    label_delay: int  # microseconds
    neighbours: int
    shipped: Shipped
    calibration: dict[str, Any]
    threshold: float
    fpr_thresholds: dict[str, float]
    typical: tuple[float, ...]  # of each feature, among genuine payments
    review_cost: float
    recovered_share: float
    alerts_per_day: int
    # Of a private model: it keeps no marks of single payments, only until when it has seen some.
    seen_until: int = 0

    @classmethod
    def load(cls, bundle: Path) -> Self:
        """Read from a bundle folder. Raises: ModelError: if it is damaged or of other code."""
        found = super().load(bundle)
        ours = (FORMAT, FEATURES, CARD_COLUMNS, TERMINAL_COLUMNS)
        if (found.format, found.features, found.card_columns, found.terminal_columns) != ours:
            message = (
                f"The bundle must be of format {FORMAT} with the features of this version. Got "
                f"format {found.format} or other features. Train the model again."
            )
            raise ModelError(message)
        return found


class SeenPayments:
    """Which payments a model has learnt from, as 32-bit marks of time and amount.

    A mark tells nothing about the payment. Two payments share one by chance once in some
    thousand times, so a few unseen payments are taken for seen and left out of the figures.
    """

    def __init__(self, marks: np.ndarray) -> None:
        self.marks = marks

    @classmethod
    def of(cls, time: IntArray, amount: FloatArray) -> SeenPayments:
        """Note payments. Shapes: time, amount (n,)."""
        return cls(np.unique(_marks(time, amount)))

    def __call__(self, time: IntArray, amount: FloatArray) -> BoolArray:
        """Tell which payments were seen. Shapes: time, amount (n,) -> (n,)."""
        marks = _marks(time, amount)
        if not len(self.marks):
            return np.zeros(len(marks), dtype=np.bool_)
        place = np.minimum(np.searchsorted(self.marks, marks), len(self.marks) - 1)
        seen: BoolArray = self.marks[place] == marks
        return seen

    def save(self, bundle: Path) -> None:
        """Write into a bundle folder."""
        save_file({"marks": self.marks}, bundle / SEEN)

    @classmethod
    def load(cls, bundle: Path) -> SeenPayments:
        """Read from a bundle folder. Raises: ModelError: if it is damaged."""
        try:
            return cls(load_file(bundle / SEEN)["marks"])
        except (OSError, SafetensorError, KeyError) as error:
            message = (
                f"A fraud bundle must hold a whole {SEEN}. Got none that can be read. "
                "Train again, or restore the bundle from a backup."
            )
            raise ModelError(message) from error


def _marks(time: IntArray, amount: FloatArray) -> np.ndarray:
    """Mix time and amount into 32 bits. Source: Steele et al., "SplitMix" (OOPSLA 2014)."""
    word = time.astype(np.uint64) ^ np.rint(amount * 1000.0).astype(np.uint64) << np.uint64(40)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        word = (word ^ (word >> np.uint64(shift))) * np.uint64(factor)
    marks: np.ndarray = (word ^ (word >> np.uint64(31))).astype(np.uint32)
    return marks
