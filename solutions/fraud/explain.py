"""Why a payment got its score: each family of facts is hidden in turn, and the score asked again.

Hiding a family puts in its features what is typical of genuine payments, and takes away the
neighbours that tell of the same thing. The change in log-odds is the weight of the family; it
holds for the model that was shipped, network or trees. Source: Zeiler and Fergus, "Visualizing
and Understanding Convolutional Networks" (ECCV 2014), section 4.2, there with patches of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_core.errors import ModelError
from ml_core.evaluate.calibrate import Sigmoid
from ml_core.tracking.run import Run, stop_if_cancelled
from solutions.blocks import Number, Reason, Reasons, Report
from solutions.fraud.features import FAMILIES, FEATURES, Facts
from solutions.fraud.graph import Neighbourhoods
from solutions.fraud.reasons import say
from solutions.fraud.scoring import FraudPredictor
from solutions.fraud.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.typing import Float32Array, FloatArray
    from solutions.api import Predictor, TableBatch

LEAST = 0.05  # log-odds; what weighs less is no reason
CARD_NEIGHBOURS = "burst"  # the family that the card's neighbours tell of
TERMINAL_NEIGHBOURS = "terminal_record"


def explain(
    predictor: Predictor, rows: Sequence[int], batch: TableBatch, run: Run
) -> Mapping[int, Report]:
    """Explain target rows. See `Solution.explain`."""
    if not isinstance(predictor, FraudPredictor):
        message = "Payments can be explained by a fraud predictor only. Load one by this solution."
        raise ModelError(message)
    targets = np.asarray(rows, dtype=np.int64) + batch.start
    facts = predictor.facts(batch.frame, run)
    log_odds, weights = family_weights(predictor, facts, targets, run)
    score = predictor.calibration(log_odds)
    around = Surroundings.of(facts, batch.frame, targets)
    reports = {}
    for number, row in enumerate(rows):
        stop_if_cancelled(run)
        run.progress(number + 1, len(rows), "alerts")
        reports[int(row)] = Report(
            (
                Number("Probability of fraud", float(score[number]), format=".1%"),
                _reasons(facts, int(targets[number]), {f: w[number] for f, w in weights.items()}),
                around.timeline(number),
                around.graph(number),
            )
        )
    return reports


def family_weights(
    predictor: FraudPredictor, facts: Facts, targets: np.ndarray, run: Run
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Return the log-odds of targets, and by how much each family raises them.

    Shapes: targets (m,) -> (m,), and (m,) for each family.
    """
    near = Neighbourhoods.of(facts, targets, predictor.preparation.neighbours)
    table = facts.table[targets]
    card, terminal = near.edges(slice(None))
    whole = predictor.judge(table, card, terminal).astype(np.float64)
    scale = predictor.calibration.slope if isinstance(predictor.calibration, Sigmoid) else 1.0
    weights = {}
    for family in FAMILIES:
        stop_if_cancelled(run)
        without = predictor.judge(*_hide(predictor, family, table, card, terminal))
        weights[family] = scale * (whole - without)
    return whole, weights


def _hide(
    predictor: FraudPredictor,
    family: str,
    table: Float32Array,
    card: Float32Array,
    terminal: Float32Array,
) -> tuple[Float32Array, Float32Array, Float32Array]:
    columns = [FEATURES.index(name) for name in FAMILIES[family]]
    table = table.copy()
    table[:, columns] = np.asarray(predictor.preparation.typical, dtype=np.float32)[columns]
    if family == CARD_NEIGHBOURS:
        card = np.zeros_like(card)
    if family == TERMINAL_NEIGHBOURS:
        terminal = np.zeros_like(terminal)
    return table, card, terminal


def _reasons(facts: Facts, row: int, weights: Mapping[str, float]) -> Reasons:
    reasons = []
    for family in sorted(weights, key=lambda name: -abs(weights[name])):
        if abs(weights[family]) >= LEAST:
            text, value = say(family, facts, row)
            reasons.append(Reason(text, float(weights[family]), feature=family, value=value))
    return Reasons(
        "Reasons",
        reasons,
        hint="By how much the log-odds of fraud fall when this is hidden from the model. "
        "Everything is as it was known at the moment of the payment.",
    )
