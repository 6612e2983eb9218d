"""Scoring payments with a loaded bundle: features, neighbours, experts, probability, alert."""

from __future__ import annotations

import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml_core.errors import ModelError
from ml_core.evaluate import calibrate
from ml_core.runtime.session import Session
from ml_core.tracking.run import NullRun, Run, stop_if_cancelled
from solutions.api import Device, Options, Predictions, TableBatch
from solutions.fraud import baseline, bundle, features
from solutions.fraud.graph import Neighbourhoods
from solutions.fraud.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    import xgboost as xgb

    from ml_core.typing import Float32Array, FloatArray, Frame, IntArray

CHUNK = 2048  # rows at a time: the network's inner arrays then stay in the cache of the CPU
ROUND = 16 * CHUNK  # rows between two looks at whether to stop


class FactsOf:
    """Compute the facts of a frame, and remember them as long as that very frame lives.

    Facts follow from the frame alone, so remembering them cannot change an answer.
    """

    def __init__(self, delay: int) -> None:
        self.delay = delay
        self._frame: weakref.ref[Frame] | None = None
        self._facts: features.Facts | None = None

    def __call__(self, frame: Frame, run: Run) -> features.Facts:
        """Return the facts of all rows of a frame."""
        if self._facts is None or self._frame is None or self._frame() is not frame:
            self._facts = None  # the old facts go before the new ones come
            self._facts = features.compute(Ledger.of(frame), self.delay, run)
            self._frame = weakref.ref(frame, self._forget)
        return self._facts

    def _forget(self, _: object) -> None:
        self._facts = None


class FraudPredictor:
    """A loaded model: the network, the baseline beside it, and what was shipped of them."""

    def __init__(
        self,
        folder: Path,
        device: Device = "auto",
        facts: FactsOf | None = None,
        trees: xgb.Booster | None = None,
    ) -> None:
        self.folder = folder
        self.preparation = bundle.Preparation.load(folder)
        self.seen = bundle.SeenPayments.load(folder)
        # Chunks run side by side, each in one thread: so the preparation of the neighbours is
        # shared out as well, and no thread waits for another within an operation.
        self.threads = len(os.sched_getaffinity(0))
        self.session = Session(folder / bundle.NETWORK, device, threads=1)
        if trees is None and not self.preparation.seen_until:
            trees = baseline.load(folder / bundle.BASELINE)
        self.trees = trees
        self.calibration = calibrate.from_json(self.preparation.calibration)
        self.facts = facts or FactsOf(self.preparation.label_delay)
        if self.facts.delay != self.preparation.label_delay:
            raise ModelError("The facts must be of the bundle's label delay. Got another one.")

    def predict(
        self,
        batch: TableBatch,
        run: Run = NullRun(),  # noqa: B008
        settings: Options | None = None,  # noqa: ARG002  there is nothing to say
    ) -> Predictions:
        """Score the targets; the rest of the frame is looked at only as it was known then."""
        run.stage("features")
        facts = self.facts(batch.frame, run)
        run.stage("scoring")
        rows = np.arange(batch.start, batch.end)
        log_odds = self.log_odds(Neighbourhoods.of(facts, rows, self.preparation.neighbours), run)
        return self._predictions(facts.ledger, rows, self.calibration(log_odds))

    def baseline(self, batch: TableBatch, run: Run = NullRun()) -> FloatArray:  # noqa: B008
        """Return the baseline's log-odds for the targets, for comparison.

        Raises: ModelError: of a model that was learnt privately; trees are not kept beside it.
        """
        facts = self.facts(batch.frame, run)
        scores = baseline.log_odds(self._grown(), facts.table[batch.start : batch.end])
        return scores.astype(np.float64)

    def log_odds(self, near: Neighbourhoods, run: Run) -> FloatArray:
        """Ask the experts that were shipped about all targets, chunk by chunk."""
        n, out = len(near.rows), np.empty(len(near.rows))

        def judge(start: int) -> None:
            chosen = slice(start, start + CHUNK)
            out[chosen] = self.judge(near.facts.table[near.rows[chosen]], *near.edges(chosen))

        with ThreadPoolExecutor(self.threads) as pool:
            for first in range(0, n, ROUND):
                stop_if_cancelled(run)
                run.progress(first, n, "payments")
                list(pool.map(judge, range(first, min(first + ROUND, n), CHUNK)))
        run.progress(n, n, "payments")
        return out

    def judge(
        self, table: Float32Array, card: Float32Array, terminal: Float32Array
    ) -> Float32Array:
        """Join the experts' log-odds. Shapes: (m, f), (m, k, c), (m, k, d) -> (m,)."""
        share = bundle.SHARE[self.preparation.shipped]
        joined = np.zeros(len(table), dtype=np.float32)
        if share > 0:
            given = {"features": table, "card": card, "terminal": terminal}
            joined += share * self.session.run(given)["log_odds"]
        if share < 1:
            joined += (1 - share) * baseline.log_odds(self._grown(), table)
        return joined

    def _grown(self) -> xgb.Booster:
        if self.trees is None:
            raise ModelError(
                "A model that is compared with its baseline must hold one. Got one that was learnt "
                "privately. Compare the figures on its card."
            )
        return self.trees

    def _predictions(self, ledger: Ledger, rows: IntArray, score: FloatArray) -> Predictions:
        alert = score >= self.preparation.threshold
        amount = ledger.amount[rows]
        frame = pl.DataFrame(
            {
                "score": score,
                "label": pl.Series(alert, dtype=pl.Boolean).replace_strict(
                    {True: "suspicious", False: "usual"}, return_dtype=pl.String
                ),
                "confidence": np.maximum(score, 1 - score),
                "alert": alert,
                "expected_loss": score * amount,
                "seen_in_training": self.seen(ledger.time[rows], amount)
                | (ledger.time[rows] < self.preparation.seen_until),
            }
        )
        return Predictions(frame, self._told())

    def _told(self) -> dict[str, object]:
        names = ("threshold", "fpr_thresholds", "shipped", "review_cost", "recovered_share")
        return {name: getattr(self.preparation, name) for name in (*names, "alerts_per_day")}
