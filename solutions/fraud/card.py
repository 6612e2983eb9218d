"""The card of a trained model: what it is, what it was made from, what it is not good for."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from solutions.bundle import CARD, LICENCE
from solutions.fraud.private import SHIPPED_WHY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from solutions.api import Split, TableBatch
    from solutions.fraud import bundle
    from solutions.fraud.options import FraudOptions

PURPOSE = "Rank card payments by the probability of fraud, so that people look at the right ones."
LIMITS = (
    "Learnt from one population of cards and terminals; on another it must be trained anew.",
    "A fraud whose kind has not been labelled for the length of the label delay cannot be known.",
    "New cards and terminals are judged by amount, time and pace alone, so less surely.",
    "One currency per file; times must be comparable (UTC).",
    "A score is a reason to look at a payment, never by itself a reason to refuse a person.",
)
PACKAGES = ("torch", "torch_geometric", "onnxruntime-gpu", "xgboost-cpu", "numpy", "polars")


def write_card(  # noqa: PLR0913  each is one part of the card
    out: Path,
    *,
    data: Split,
    options: FraudOptions,
    shipped: bundle.Shipped,
    metrics: Mapping[str, float],
    seed: int,
    extra: Mapping[str, object],
) -> None:
    """Write `card.json` into a bundle."""
    from solutions.fraud import solution  # noqa: PLC0415  it imports this module's neighbours

    card: dict[str, Any] = {
        "solution": solution.slug,
        "title": solution.title,
        "version": solution.version,
        "purpose": PURPOSE,
        "data_origin": _origin(data),
        "licence": LICENCE,
        "limits": list(LIMITS),
        "split": data.how,
        "trained_from": _edge(data.train, last=False),
        "trained_until": _edge(data.valid, last=True),
        "label_delay_days": options.label_delay_days,
        "options": options.model_dump(),
        "seed": seed,
        "shipped": shipped,
        "shipped_why": SHIPPED_WHY
        if options.private
        else "Best average precision on the part to choose with.",
        "metrics": dict(metrics),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        **extra,
    }
    (out / CARD).write_text(json.dumps(card, indent=1), encoding="utf-8")


def _origin(data: Split) -> str:
    targets = data.train.targets
    frauds = int(targets["is_fraud"].drop_nulls().sum())
    cards, terminals = targets.select(
        pl.col("card_id").n_unique(), pl.col("terminal_id").n_unique()
    ).row(0)
    return (
        f"A file given by the user: {len(targets):,} payments of {cards:,} cards at "
        f"{terminals:,} terminals to learn from, {frauds:,} of them frauds."
    )


def _edge(batch: TableBatch, *, last: bool) -> str:
    moment = batch.targets["time"].sort()[-1 if last else 0]
    return f"{moment.isoformat()}Z"
