"""The gate: challenger and live model on the same rows, and a verdict in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import polars as pl

from apps.schedules.labels import identity, is_labelled
from ml_core.errors import AssayError
from ml_core.plain import plain
from solutions.api import Predictions, TableBatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.data.media import Media
    from ml_core.data.schema import Schema
    from ml_core.tracking.run import Run
    from ml_core.typing import Frame
    from solutions.api import Metric, Predictor, Solution

LEAST_ROWS = 50
ROUNDING = 1e-12
LEARNED = (
    "The live model has learned from {n:,} of these rows, which speaks for it: "
    "too few are left without them."
)
UNKNOWN = (
    "What the live model learned from cannot be read again, so some of these rows may speak for it."
)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows that the challenger never saw, and which of them the live model did not either."""

    batch: TableBatch
    fair: pl.Series | None
    note: str

    @property
    def n_rows(self) -> int:
        """How many rows count."""
        return len(self.batch) if self.fair is None else int(self.fair.sum())


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a challenger passed, and by which figures; `words` is for people."""

    passed: bool
    words: str
    metric: str = ""
    title: str = ""
    format: str = ".3f"
    challenger: float | None = None
    live: float | None = None
    low: float | None = None
    high: float | None = None
    n_rows: int = 0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return dict(plain(asdict(self)))


@dataclass(frozen=True, slots=True)
class Rule:
    """What a challenger must show."""

    metric: Metric
    min_gain: float
    must_be_sure: bool


def held_out(batch: TableBatch, learned: Frame | None, schema: Schema) -> HeldOut:
    """Leave out the rows that the live model has learned from, where enough remain.

    `learned` holds them with pictures by their bytes; None: nobody knows which they are.
    """
    label = schema.role("label")
    counts = label.name if label is not None else None
    columns = [] if learned is None else _named_by(schema, batch.targets, learned)
    if learned is None or not columns:
        return HeldOut(batch, None, UNKNOWN)
    rows = by_bytes(batch.targets, batch.media, schema)
    known = learned.select(identity(columns).alias("id"))["id"]
    fair = ~rows.select(identity(columns).alias("id"))["id"].is_in(known.implode())
    n_seen = int((~fair).sum())
    if not n_seen:
        return HeldOut(batch, None, "")
    kept = batch.targets.filter(fair)
    n_left = kept.filter(is_labelled(counts)).height if counts else kept.height
    if n_left < LEAST_ROWS:
        return HeldOut(batch, None, LEARNED.format(n=n_seen))
    note = f"{n_seen:,} rows that the live model has learned from were left out."
    return HeldOut(batch, fair, note)


def by_bytes(frame: Frame, media: Media, schema: Schema) -> Frame:
    """Put the digest of each picture where its name stands, if rows are known by their pictures.

    A name says little: cameras begin at IMG_0001 each day, and people rename what they send again.
    Raises: DataError: if a picture cannot be read.
    """
    if schema.role("key") is not None:
        return frame
    images = [c.name for c in schema.columns if c.kind == "image" and c.name in frame.columns]
    for column in images:
        names = frame[column].drop_nulls().unique()
        digests = {name: sha256(media.read(name)).hexdigest() for name in names}
        told = pl.col(column).replace_strict(digests, default=None, return_dtype=pl.String)
        frame = frame.with_columns(told)
    return frame


def _named_by(schema: Schema, rows: Frame, learned: Frame) -> list[str]:
    """Return by which columns a row is known again: key, else picture, else all that was asked.

    Never by its label, which people may have corrected since. Of one picture all questions count.
    """
    key = schema.role("key")
    images = [column for column in schema.columns if column.kind == "image"]
    chosen = [key] if key is not None else images or schema.columns
    names = [column.name for column in chosen if column.role != "label"]
    return [name for name in names if name in rows.columns and name in learned.columns]


def measured(
    solution: Solution[Any], predictor: Predictor, test: HeldOut, run: Run
) -> Mapping[str, float]:
    """Measure a model on the rows of a test."""
    predictions = predictor.predict(test.batch, run)
    batch = test.batch
    if test.fair is not None:
        # Scored with all that is around them; only those that count are measured.
        frame = predictions.frame.filter(test.fair)
        predictions = Predictions(frame, predictions.facts)
        batch = batch.over(batch.targets.filter(test.fair))
    try:
        return dict(plain(solution.evaluate(predictions, batch)))
    except AssayError:
        return {}


def judge(
    rule: Rule, challenger: Mapping[str, Any], live: Mapping[str, Any], test: HeldOut
) -> Verdict:
    """Compare by the figure that decides."""
    name = rule.metric.name
    found = Verdict(
        passed=False,
        words="",
        metric=name,
        title=rule.metric.title,
        format=rule.metric.format,
        challenger=challenger.get(name),
        live=live.get(name),
        low=challenger.get(f"{name}_low"),
        high=challenger.get(f"{name}_high"),
        n_rows=test.n_rows,
        note=test.note,
    )
    passed, words = _decide(rule, found)
    return replace(found, passed=passed, words=words)


def _decide(rule: Rule, found: Verdict) -> tuple[bool, str]:
    ours, theirs = found.challenger, found.live
    if ours is None or theirs is None:
        who = "challenger" if ours is None else "live model"
        return False, (
            f"{found.title} of the {who} could not be measured on the {found.n_rows:,} rows that "
            "were set aside: perhaps a class is missing, or labels are."
        )
    shown = (
        f"{found.title} {ours:{found.format}} of the challenger against "
        f"{theirs:{found.format}} of the live model on {found.n_rows:,} rows"
    )
    gain = (ours - theirs) * (1 if rule.metric.higher_is_better else -1)
    if gain <= 0:
        return False, f"{shown}: it is not better."
    if gain < rule.min_gain - ROUNDING:
        return False, f"{shown}: it is better, but by less than {rule.min_gain:g}."
    return _surely(rule, found, theirs, shown) if rule.must_be_sure else (True, f"{shown}.")


def _surely(rule: Rule, found: Verdict, theirs: float, shown: str) -> tuple[bool, str]:
    is_up = rule.metric.higher_is_better
    worst = found.low if is_up else found.high
    if worst is None:
        return False, f"{shown}: it is better, but this solution gives no interval to be sure by."
    if (worst > theirs) if is_up else (worst < theirs):
        return True, f"{shown}, which lies outside of the challenger's interval."
    return False, f"{shown}: it is better, but the live model lies within its interval."
