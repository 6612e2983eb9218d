"""Questions about pictures: small networks that look where the words ask them to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ml_core.tracking.run import NullRun
from solutions.api import Device, Metric, Predictions, Solution, Split, TableBatch, Trained
from solutions.vqa.options import AnswerSettings, VqaOptions
from solutions.vqa.schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.data.schema import Schema
    from ml_core.errors import Issue
    from ml_core.tracking.run import Run
    from solutions.api import Options, Predictor
    from solutions.blocks import Report
    from solutions.compression import Compressed, CompressOptions

SAMPLE_PICTURES = 1000  # fewer teach it to hear, and not to see
METRICS = (
    Metric("accuracy", "Accuracy", "Share of questions answered right.", format=".1%"),
    Metric(
        "blind_accuracy", "Blind accuracy",
        "Share that a network answers right which sees no picture, only the question.",
        format=".1%",
    ),
    Metric(
        "shuffled_accuracy", "Accuracy with shuffled pictures",
        "Share answered right when each question gets another picture: what is not seen.",
        higher_is_better=False, format=".1%",
    ),
    Metric(
        "calibration_error", "Calibration error",
        "Mean gap between the confidence that is told and the share that is right.",
        higher_is_better=False,
    ),
)  # fmt: skip


class VisualQuestions(Solution[VqaOptions]):
    """Answer questions about pictures, and say when it cannot tell."""

    slug = "vqa"
    title = "Questions about pictures"
    summary = (
        "Answers questions about pictures in words, shows where it looked, and says when it "
        "cannot tell."
    )
    version = "0.1.0"
    icon = "message-question"
    metrics = METRICS
    settings = AnswerSettings
    ties = ()
    compressions = ("low_rank", "prune", "distil", "ptq", "qat")

    @property
    def options(self) -> type[VqaOptions]:
        """Choices of a training."""
        return VqaOptions

    def inputs(self) -> Schema:
        """A picture, a question, and the answer where it is known."""
        return SCHEMA

    def validate(self, batch: TableBatch) -> list[Issue]:
        """Refuse questions that are empty or endless."""
        from solutions.vqa.schema import bad_questions

        return bad_questions(batch)

    def split(self, batch: TableBatch, options: VqaOptions, seed: int) -> Split:
        """Cut by picture."""
        from solutions.vqa.splitting import split

        return split(batch, options, seed)

    def train(self, data: Split, options: VqaOptions, run: Run, out: Path) -> Trained:
        """Learn to answer."""
        from solutions.vqa.training import train

        return train(self, data, options, run, out)

    def load(self, bundle: Path, device: Device = "auto") -> Predictor:
        """Load a bundle."""
        from solutions.vqa.scoring import VqaPredictor

        return VqaPredictor(bundle, device)

    def evaluate(self, predictions: Predictions, batch: TableBatch) -> Mapping[str, float]:
        """Compare with the answers that are known."""
        from solutions.vqa.measures import figures

        return figures(predictions, batch)

    def report(self, predictions: Predictions, batch: TableBatch) -> Report:
        """Tell how many could be answered, and how."""
        from solutions.vqa.report import report

        return report(predictions, batch)

    def explain(
        self,
        predictor: Predictor,
        rows: Sequence[int],
        batch: TableBatch,
        run: Run = NullRun(),  # noqa: B008  frozen, so one object serves all calls
        settings: Options | None = None,
    ) -> Mapping[int, Report]:
        """Show where it looked, and what else the answer could be."""
        from solutions.vqa.report import explain

        return explain(predictor, rows, batch, run, settings)

    def compress(
        self, bundle: Path, data: Split, options: CompressOptions, run: Run, out: Path
    ) -> Compressed:
        """Make the network of a bundle smaller."""
        from solutions.vqa.compress import compress

        return compress(self, bundle, data, options, run, out)

    def demo(self) -> Path:
        """Drawn scenes with questions."""
        return Path(__file__).parent / "demo" / "scenes.zip"

    def sample(self, folder: Path) -> Path:
        """Drawn scenes, each with a clip of beeps, which are too large to ship."""
        from solutions.vqa.simulate import pack, scenes

        out = folder / "scenes.zip"
        pack(*scenes(SAMPLE_PICTURES, seed=0, sounds=1.0), out)
        return out


solution = VisualQuestions()
