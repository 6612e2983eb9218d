"""A whole fourth vertical, as small as can be: which spot welds will fail their pull test.

It exists to test the contract, and to be read by whoever writes the next solution. It looks
back in time (wear of the electrode), so it has all the ways to leak that a large one has.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ml_core.data.schema import Column, Schema
from ml_core.tracking.run import NullRun, Run
from solutions.api import (
    Device,
    Metric,
    Options,
    Predictions,
    Predictor,
    Solution,
    Split,
    TableBatch,
    Trained,
)
from tests.dummy_solution.options import WeldOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.errors import Issue
    from solutions.blocks import Report

SCHEMA = Schema(
    (
        Column("weld_id", "id", "Weld", "Number of the weld.", unique=True, role="key"),
        Column("time", "time", "Time", "When the weld was made, UTC.", role="time"),
        Column(
            "electrode", "id", "Electrode", "The electrode that made it.", aliases=("tip", "torch")
        ),
        Column(
            "current_ka",
            "number",
            "Current",
            "Mean current.",
            unit="kA",
            minimum=0,
            maximum=40,
            aliases=("current", "amperage"),
        ),
        Column("force_kn", "number", "Force", "Force of the electrode.", unit="kN", minimum=0),
        Column(
            "failed",
            "flag",
            "Failed",
            "1 if the weld broke in the pull test, empty if it was not pulled.",
            required=False,
            nullable=True,
            role="label",
        ),
    )
)


class Weld(Solution[WeldOptions]):
    """Logistic regression on current, force and wear."""

    slug = "dummy"
    title = "Weld failure"
    summary = "Says which spot welds are likely to fail, from current, force and wear."
    version = "1.0.0"
    ties = ("electrode",)
    metrics = (
        Metric("ap", "Average precision", "Mean precision over all recalls."),
        Metric("auc", "AUC", "Chance that a failed weld scores above a sound one."),
        Metric("brier", "Brier score", "Squared error of the probability.", higher_is_better=False),
    )

    @property
    def options(self) -> type[WeldOptions]:
        """Class of the options of a training."""
        return WeldOptions

    def inputs(self) -> Schema:
        """Describe a table of welds."""
        return SCHEMA

    def validate(self, batch: TableBatch) -> list[Issue]:
        """Find electrodes that carry current without touching the part."""
        from tests.dummy_solution.training import untouched

        return untouched(batch)

    def split(self, batch: TableBatch, options: WeldOptions, seed: int) -> Split:
        """Cut by time."""
        from tests.dummy_solution.training import split

        return split(batch)

    def train(self, data: Split, options: WeldOptions, run: Run, out: Path) -> Trained:
        """Fit by gradient descent."""
        from tests.dummy_solution.training import train

        return train(self, data, options, run, out)

    def load(self, bundle: Path, device: Device = "auto") -> Predictor:
        """Load a bundle."""
        from tests.dummy_solution.scoring import WeldPredictor

        return WeldPredictor(bundle, device)

    def evaluate(self, predictions: Predictions, batch: TableBatch) -> Mapping[str, float]:
        """Measure on the welds that were pulled."""
        from tests.dummy_solution.scoring import figures

        return figures(predictions, batch)

    def report(self, predictions: Predictions, batch: TableBatch) -> Report:
        """Count the alerts and list the worst."""
        from tests.dummy_solution.scoring import report

        return report(predictions, batch)

    def explain(
        self,
        predictor: Predictor,
        rows: Sequence[int],
        batch: TableBatch,
        run: Run = NullRun(),
        settings: Options | None = None,
    ) -> Mapping[int, Report]:
        """Name each input's part in the log-odds."""
        from tests.dummy_solution.scoring import explain

        return explain(predictor, rows, batch, run)

    def demo(self) -> Path:
        """Return welds of `tests/dummy_solution/demo/make.py`."""
        return Path(__file__).parent / "demo" / "welds.csv"


solution = Weld()
