"""Card payment fraud: payments go in, ranked and explained alerts come out.

Read on in this order: `schema`, `options` (what is asked for), `splitting` (how data is cut),
`ledger`, `features`, `graph` (what is known of a payment, and when), `network`, `baseline`,
`training`, `choosing` (what is learnt, and what of it is shipped), `bundle`, `scoring` (what is
kept, and how it is used), `measures`, `explain`, `reasons`, `surroundings`, `report` (what people
see). `simulate` makes data to try it all with.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ml_core.tracking.run import NullRun, Run
from solutions.api import (
    Device,
    Metric,
    Options,
    Predictions,
    Predictor,
    Schedule,
    Solution,
    Split,
    TableBatch,
    Trained,
)
from solutions.fraud.options import FraudOptions
from solutions.fraud.schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.data.schema import Schema
    from ml_core.features.view import FeatureView
    from solutions.blocks import Report, Tone


class Fraud(Solution[FraudOptions]):
    """See the module; heavy libraries are imported by the methods that need them."""

    slug = "fraud"
    title = "Card payment fraud"
    summary = "Finds fraudulent card payments, ranks them by risk, and says why."
    version = "0.1.0"
    icon = "credit-card"
    ties = ("card_id", "terminal_id")
    verdicts: ClassVar[Mapping[str, Tone]] = {"usual": "good", "suspicious": "bad"}
    metrics = (
        Metric("ap", "Average precision", "Mean precision over all shares of frauds found."),
        Metric("auc", "AUC", "Chance that a fraud scores above a genuine payment."),
        Metric("cp100", "Card precision at 100", "Share of compromised cards among 100 a day."),
        Metric(
            "recall_fpr_0_3pct",
            "Recall at 0.3 % false alarms",
            "Frauds found at the threshold that raised 0.3 % false alarms on other days.",
            format=".1%",
        ),
        Metric("value_recall", "Fraud value found", "Share of fraud money alerted.", format=".1%"),
        Metric("alert_precision", "Alerts that are right", "Frauds among alerts.", format=".1%"),
        Metric(
            "calibration_error",
            "Calibration error",
            "Mean distance of promised from observed shares of fraud.",
            higher_is_better=False,
            format=".4f",
        ),
        Metric("baseline_ap", "Baseline: average precision", "The same, of boosted trees."),
        Metric("baseline_auc", "Baseline: AUC", "The same, of boosted trees."),
        Metric("baseline_cp100", "Baseline: card precision", "The same, of boosted trees."),
    )

    @property
    def options(self) -> type[FraudOptions]:
        """Class of the options of a training."""
        return FraudOptions

    def inputs(self) -> Schema:
        """Describe the columns of a file of payments."""
        return SCHEMA

    def split(self, batch: TableBatch, options: FraudOptions, seed: int) -> Split:  # noqa: ARG002
        """Cut by time, the label delay left free between the parts; nothing is random."""
        from solutions.fraud import splitting

        return splitting.split(batch, options)

    def train(self, data: Split, options: FraudOptions, run: Run, out: Path) -> Trained:
        """Learn a network and a baseline, and write a bundle with what ranks best."""
        from solutions.fraud import training

        return training.train(data, options, run, out)

    def load(self, bundle: Path, device: Device = "auto") -> Predictor:
        """Load a bundle."""
        from solutions.fraud.scoring import FraudPredictor

        return FraudPredictor(bundle, device)

    def evaluate(self, predictions: Predictions, batch: TableBatch) -> Mapping[str, float]:
        """Measure on labelled targets that were not seen in training; nothing if there are none."""
        from solutions.fraud.measures import figures

        return figures(predictions, batch)

    def report(self, predictions: Predictions, batch: TableBatch) -> Report:
        """Say how many alerts, how much money, and what another threshold would mean."""
        from solutions.fraud.report import report

        return report(predictions, batch)

    def explain(
        self,
        predictor: Predictor,
        rows: Sequence[int],
        batch: TableBatch,
        run: Run = NullRun(),  # noqa: B008  frozen, so one object serves all calls
        settings: Options | None = None,  # noqa: ARG002  there are none
    ) -> Mapping[int, Report]:
        """Give reasons in words, the card's timeline and the graph around each payment."""
        from solutions.fraud.explain import explain

        return explain(predictor, rows, batch, run)

    def schedules(self) -> tuple[Schedule, ...]:
        """Each Monday night, when the labels of a week have come in."""
        why = (
            "Fraud moves on within weeks, and labels come days later: a week brings some of both. "
            "Fewer than 200 new labels are hardly worth a training."
        )
        return (Schedule("Each Monday", "0 3 * * 1", why, n_labels=200),)

    def features(self) -> tuple[FeatureView, ...]:
        """Windows over the past of cards and terminals, with labels and without."""
        from solutions.fraud.views import VIEWS

        return VIEWS

    def demo(self) -> Path:
        """Return payments of a small simulated world."""
        return Path(__file__).parent / "demo" / "payments.parquet"


solution = Fraud()
