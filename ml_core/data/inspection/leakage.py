"""Columns that know the answer: each is asked alone how well it tells the label."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml_core.data.inspection.finding import Finding
from ml_core.data.inspection.sketch import RandomRows
from ml_core.seed import generator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_core.data.inspection.finding import Severity
    from ml_core.data.schema import Schema
    from ml_core.typing import FloatArray, Frame, IntArray

SURE, LIKELY = 0.99, 0.95
LEAST = 20  # rows of each label, below which chance alone tells it well
MOST_A_CLASS = 50_000
MOST_NUMBERS = 1_000
_GENERIC = frozenset({"label", "target", "truth", "outcome", "class", "verdict"})
_SMALL = frozenset({"is", "has", "the", "of", "id", "a", "n"})


def named_like_label(schema: Schema, names: Iterable[str]) -> list[Finding]:
    """Find columns, by their names alone, that may tell the label by another name."""
    label = schema.role("label")
    if label is None:
        return []
    wanted = (_words(label.name) - _SMALL) | _GENERIC
    suspects = [name for name in names if _words(name) & wanted]
    advice = (
        "It is not read, and should stay so: known only after the fact, it would teach a model the "
        "answer. Leave it out of the file."
    )
    return [
        Finding(
            "label_by_name", "warning",
            f"{name[:60]} must not tell {label.name}. Got a name that is made of the same words.",
            advice, column=name,
        )
        for name in suspects
    ]  # fmt: skip


def _words(name: str) -> set[str]:
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return set(re.findall(r"[a-z0-9]+", split.casefold()))


class Leakage:
    """Ask each column alone how well it tells the label, on rows that it did not learn from.

    Numbers are ranked; names, and numbers that take few values, are scored by the share of
    positives among other rows with the same value, so that a name of each row tells nothing.
    A label of more than two classes is guessed the same way, against always the commonest one.
    """

    def __init__(
        self, label: str, *, columns: Iterable[str], unread: bool = False, label_in: str = ""
    ) -> None:
        self._title = label
        self._label = label_in or label
        self._columns = list(columns)
        self._unread = unread
        self._samples: dict[object, RandomRows] = {}

    def add(self, frame: Frame, first_row: int) -> None:  # noqa: ARG002  rows in any order
        """Take in some rows, the label among their columns."""
        if self._label not in frame.columns:
            return
        names = [name for name in self._columns if name in frame.columns]
        known = frame.select(self._label, *names).filter(pl.col(self._label).is_not_null())
        if known[self._label].dtype.is_integer():
            for value in (0, 1):
                sample = self._samples.setdefault(value, RandomRows(MOST_A_CLASS, purpose="leak"))
                sample.add(known.filter(pl.col(self._label) == value))
        else:
            sample = self._samples.setdefault("all", RandomRows(2 * MOST_A_CLASS, purpose="leak"))
            sample.add(known)

    def scores(self) -> dict[str, float]:
        """Return how well each column tells the label: 1 always, 0.5 or less not at all."""
        parts = [sample.frame() for sample in self._samples.values()]
        whole = pl.concat([part for part in parts if part.width], how="vertical") if parts else None
        if whole is None or not self._can_tell(whole):
            return {}
        names = [name for name in whole.columns if name != self._label]
        if whole[self._label].dtype.is_integer():
            label = whole[self._label].to_numpy().astype(np.int64)
            return {name: _auc(whole[name], label) for name in names}
        return {name: _guessed(whole[name], whole[self._label]) for name in names}

    def _can_tell(self, whole: Frame) -> bool:
        counts = whole[self._label].value_counts()["count"].sort(descending=True)
        return counts.len() > 1 and int(counts[1]) >= LEAST

    def findings(self) -> list[Finding]:
        """Tell the columns that know the answer."""
        return [
            self._finding(name, score)
            for name, score in sorted(self.scores().items(), key=lambda pair: -pair[1])
            if score >= LIKELY
        ]

    def _finding(self, name: str, score: float) -> Finding:
        message = (
            f"{name[:60]} must not tell {self._title} alone. Got {score:.4f} of 1 on rows that it "
            "was not fitted to, where 0.5 is a guess."
        )
        if self._unread:
            advice = (
                "No model reads it, and none should: it is known only once the answer is. Leave it "
                "out of the file."
            )
        else:
            advice = (
                "Find out when its value is known. If only with the answer, leave the column out "
                "of the mapping; else the task is easier than it looks."
            )
        severity: Severity = "error" if score >= SURE and not self._unread else "warning"
        return Finding("leakage", severity, message, advice, name, figures={"score": score})


def _auc(values: pl.Series, label: IntArray) -> float:
    """Return the better of the two ways to tell a flag, as an area under the ROC curve."""
    found = []
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        ranked = _filled(values)
        found.append(_area(ranked, label))
        few = values.n_unique() <= MOST_NUMBERS
    else:
        few = True
    if few:
        half = _halves(label.size)
        found.append(_area(_learnt(values, label, half)[~half], label[~half]))
    return max(max(area, 1 - area) for area in found)


def _area(score: FloatArray, label: IntArray) -> float:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  jobs alone need it

    return float(roc_auc_score(label, score)) if 0 < label.sum() < label.size else 0.5


def _filled(values: pl.Series) -> FloatArray:
    """Return ranks, with what is empty below all; ranks because sums of extremes overflow."""
    ranked = values.to_physical().rank("average").fill_null(0.0).fill_nan(0.0)
    return ranked.to_numpy().astype(float)


def _halves(n: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return generator(0, "halves").random(n) < 0.5


def _learnt(
    values: pl.Series, label: IntArray, half: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> FloatArray:
    """Score each row by the share of positives that one half has for its value."""
    frame = pl.DataFrame({"v": values.to_physical(), "y": label, "half": half})
    prior = float(label[half].mean()) if half.any() else 0.5
    means = frame.filter("half").group_by("v").agg(score=pl.col("y").mean())
    joined = frame.join(means, on="v", how="left", nulls_equal=True, maintain_order="left")
    return joined["score"].fill_null(prior).to_numpy()


def _guessed(values: pl.Series, label: pl.Series) -> float:
    """Return how often a label is guessed from a value, from 0.5 for the commonest label on."""
    if values.dtype.is_numeric() and values.n_unique() > MOST_NUMBERS:
        values = (values.rank("average") / values.len() * MOST_NUMBERS).cast(pl.Int64)
    half = _halves(label.len())
    frame = pl.DataFrame({"v": values.to_physical(), "y": label, "half": half})
    learn, ask = frame.filter("half"), frame.filter(~pl.col("half"))
    if learn.is_empty() or ask.is_empty():
        return 0.5
    common = learn["y"].mode().sort()[0]
    best = learn.group_by("v", "y").len().sort("len", "y", descending=True)
    best = best.unique("v", keep="first", maintain_order=True).select("v", guess="y")
    asked = ask.join(best, on="v", how="left", nulls_equal=True)
    right = float((asked["guess"].fill_null(common) == asked["y"]).mean())  # type: ignore[arg-type]
    base = float((asked["y"] == common).mean())
    return 0.5 + 0.5 * max(0.0, (right - base) / (1 - base)) if base < 1 else 0.5


def columns_to_ask(schema: Schema) -> list[str]:
    """Return the columns of a schema that a label must not be told by."""
    skipped = ("image", "audio", "boxes")
    return [
        c.name for c in schema.columns if c.role not in ("label", "key") and c.kind not in skipped
    ]


def asks_for(schema: Schema) -> str:
    """Return the label that columns may tell; nothing where there is none, or it is drawn."""
    label = schema.role("label")
    return label.name if label is not None and label.kind != "boxes" else ""
