"""The gate: a new model beside the one in use, on the same rows, and a verdict in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ml_core.errors import AssayError
from ml_core.plain import plain
from solutions.api import Predictions, TableBatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from ml_core.tracking.run import Run
    from solutions.api import Metric, Predictor, Solution

ROUNDING = 1e-12


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
    """What a challenger must show: to be better, or with `most_loss` not to be worse than by that.

    `must_be_sure` asks the same of the worse end of its interval.
    """

    metric: Metric
    min_gain: float = 0.0
    must_be_sure: bool = False
    most_loss: float | None = None


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
    if rule.most_loss is not None:
        return _no_worse(rule, found, gain, shown)
    return _better(rule, found, gain, shown)


def _better(rule: Rule, found: Verdict, gain: float, shown: str) -> tuple[bool, str]:
    if gain <= 0:
        return False, f"{shown}: it is not better."
    if gain < rule.min_gain - ROUNDING:
        return False, f"{shown}: it is better, but by less than {rule.min_gain:g}."
    if not rule.must_be_sure:
        return True, f"{shown}."
    least = _least_gain(rule, found)
    if least is None:
        return False, f"{shown}: it is better, but this solution gives no interval to be sure by."
    if least > 0:
        return True, f"{shown}, which lies outside of the challenger's interval."
    return False, f"{shown}: it is better, but the live model lies within its interval."


def _no_worse(rule: Rule, found: Verdict, gain: float, shown: str) -> tuple[bool, str]:
    allowed = rule.most_loss or 0.0
    if gain < -allowed - ROUNDING:
        return False, f"{shown}: it is worse by more than {allowed:g}."
    if not rule.must_be_sure:
        return True, f"{shown}: it is not worse by more than {allowed:g}."
    least = _least_gain(rule, found)
    if least is None:
        return False, f"{shown}, but this solution gives no interval to be sure by."
    if least < -allowed - ROUNDING:
        return False, f"{shown}, but its interval reaches further than {allowed:g} below."
    return True, f"{shown}: surely not worse by more than {allowed:g}."


def _least_gain(rule: Rule, found: Verdict) -> float | None:
    """Return the gain at the worse end of the challenger's interval, if there is one."""
    is_up = rule.metric.higher_is_better
    worst = found.low if is_up else found.high
    if worst is None or found.live is None:
        return None
    return (worst - found.live) * (1 if is_up else -1)
