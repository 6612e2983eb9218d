"""How much of its metric a smaller model may lose: never silently more than was allowed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ml_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_core.compress.cost import Cost
    from ml_core.evaluate.intervals import Interval

POINT = 0.01  # of a metric between 0 and 1
ROUNDING = 1e-9
HEADS = ("variant", "size MB", "latency ms", "rows/s", "metric", "interval", "loss", "allowed", "")


class GateError(ModelError):
    """No form of a model kept enough of its metric; the message holds the table."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One form of a model. `loss` and `allowed` are points, a hundredth of the metric.

    `tested` and `tested_loss` are those of rows by which nothing was chosen; only the form that is
    to be kept, and the original, are asked about them.
    """

    name: str
    file: str
    size_mb: float
    latency_ms: float
    rows_per_s: float
    metric: float
    low: float
    high: float
    loss: float
    allowed: float
    passed: bool
    parameters: int
    channels: int
    macs: int
    tested: float | None = None
    tested_loss: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Gate:
    """Allows a loss of so many points against the original, in the direction of the metric."""

    original: float
    allowed: float
    higher_is_better: bool = True

    def loss(self, value: float) -> float:
        """Return the points lost; less than nothing is a gain."""
        lost = self.original - value if self.higher_is_better else value - self.original
        return lost / POINT

    def passes(self, value: float) -> bool:
        """Tell whether a value is good enough; one that is no number never is."""
        return self.loss(value) <= self.allowed + ROUNDING


def table(variants: Sequence[Variant]) -> str:
    """Return the variants as a table in plain text."""
    rows = [HEADS, *(_row(one) for one in variants)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    lines = (
        "  ".join(
            cell.ljust(width) if i in (0, len(HEADS) - 1) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def require_one(variants: Sequence[Variant]) -> None:
    """Stop unless a form besides the original passed.

    Raises: GateError: with the table of all.
    """
    if any(one.passed for one in variants[1:]):
        return
    allowed = variants[0].allowed if variants else 0.0
    message = (
        f"A smaller model must lose at most {allowed:g} points of the metric. None of these did:\n"
        f"{table(variants)}\n"
        "Nothing was kept. Allow more, take fewer channels, or give more minutes."
    )
    raise GateError(message)


def smallest(variants: Sequence[Variant]) -> Variant:
    """Return the smallest file that passed. Raises: GateError: if none did."""
    require_one(variants)
    return min((one for one in variants[1:] if one.passed), key=lambda one: one.size_mb)


def fastest(variants: Sequence[Variant]) -> Variant:
    """Return what passed and answers soonest. Raises: GateError: if none did."""
    require_one(variants)
    return min((one for one in variants[1:] if one.passed), key=lambda one: one.latency_ms)


def variant(
    name: str, file: str, cost: Cost, metric: Interval, gate: Gate, extent: tuple[int, int, int]
) -> Variant:
    """Judge one form."""
    return Variant(
        name, file, cost.size_mb, cost.latency_ms, cost.rows_per_s, metric.value, metric.low,
        metric.high, gate.loss(metric.value), gate.allowed, gate.passes(metric.value), *extent,
    )  # fmt: skip


def _row(one: Variant) -> tuple[str, ...]:
    return (
        one.name, f"{one.size_mb:.3f}", f"{one.latency_ms:.2f}", f"{one.rows_per_s:,.0f}",
        f"{one.metric:.4f}", f"{one.low:.3f}..{one.high:.3f}", f"{one.loss:+.2f}",
        f"{one.allowed:.2f}", "passed" if one.passed else "failed",
    )  # fmt: skip
