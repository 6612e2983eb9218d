"""Casting defects: a detector that says where, what, how large, and whether the part passes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ml_core.tracking.run import NullRun
from solutions.api import Device, Metric, Predictions, Solution, Split, TableBatch, Trained
from solutions.casting.limits import VERDICTS
from solutions.casting.options import CastingOptions, CastingSettings
from solutions.casting.schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.data.schema import Schema
    from ml_core.tracking.run import Run
    from solutions.api import Options, Predictor
    from solutions.blocks import Report
    from solutions.compression import Compressed, CompressOptions

SAMPLE_PICTURES = 240  # few enough to learn from within minutes, enough to learn something

METRICS = (
    Metric("map50", "mAP50", "Mean average precision over classes at an overlap of 0.5."),
    Metric(
        "map50_95", "mAP50-95", "Mean average precision over classes and overlaps of 0.5 to 0.95."
    ),
    Metric(
        "recall50", "Recall", "Share of drawn defects that a box of 25 % confidence finds.",
        format=".1%",
    ),
)  # fmt: skip


class CastingDefects(Solution[CastingOptions]):
    """Find defects on pictures of castings, and judge the parts."""

    slug = "casting"
    title = "Casting defects"
    summary = (
        "Finds porosity, cracks and other defects on pictures of castings, draws them, and says "
        "which parts pass, fail or need a person."
    )
    version = "0.1.0"
    icon = "zoom-scan"
    metrics = METRICS
    settings = CastingSettings
    ties = ()
    verdicts = VERDICTS
    compressions = ("prune", "distil", "ptq", "qat")

    @property
    def options(self) -> type[CastingOptions]:
        """Choices of a training."""
        return CastingOptions

    def inputs(self) -> Schema:
        """A picture, its boxes where they are known, its part and series."""
        return SCHEMA

    def split(self, batch: TableBatch, options: CastingOptions, seed: int) -> Split:
        """Cut by part or series."""
        from solutions.casting.splitting import split

        return split(batch, options, seed)

    def train(self, data: Split, options: CastingOptions, run: Run, out: Path) -> Trained:
        """Learn to find defects."""
        from solutions.casting.training import train

        return train(self, data, options, run, out)

    def load(self, bundle: Path, device: Device = "auto") -> Predictor:
        """Load a bundle."""
        from solutions.casting.scoring import CastingPredictor

        return CastingPredictor(bundle, device)

    def evaluate(self, predictions: Predictions, batch: TableBatch) -> Mapping[str, float]:
        """Compare with the boxes that were drawn."""
        from solutions.casting.measures import figures

        return figures(predictions, batch)

    def report(self, predictions: Predictions, batch: TableBatch) -> Report:
        """Count verdicts and defects."""
        from solutions.casting.report import report

        return report(predictions, batch)

    def explain(
        self,
        predictor: Predictor,
        rows: Sequence[int],
        batch: TableBatch,
        run: Run = NullRun(),  # noqa: B008  frozen, so one object serves all calls
        settings: Options | None = None,
    ) -> Mapping[int, Report]:
        """Draw what was found."""
        from solutions.casting.report import explain

        return explain(predictor, rows, batch, run, settings)

    def compress(
        self, bundle: Path, data: Split, options: CompressOptions, run: Run, out: Path
    ) -> Compressed:
        """Make the detector of a bundle smaller."""
        from solutions.casting.compress import compress

        return compress(self, bundle, data, options, run, out)

    def demo(self) -> Path:
        """Drawn castings with labelled defects."""
        return Path(__file__).parent / "demo" / "castings.zip"

    def demo_options(self) -> CastingOptions:
        """As short as shows that all works: the defaults learn until something is found."""
        return CastingOptions(epochs=16)

    def sample(self, folder: Path) -> Path:
        """More of them: 40 are too few to find anything with."""
        from solutions.casting.simulate import SIDE, castings, pack

        out = folder / "castings.zip"
        pack(*castings(SAMPLE_PICTURES, seed=20), SIDE, out)
        return out


solution = CastingDefects()
