"""How a model is made smaller: what may be asked of a solution, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ml_core.compress.gate import GateError, Variant, require_one, table
from solutions.api import Options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STEPS = ("low_rank", "prune", "distil", "ptq", "qat")


class CompressOptions(Options):
    """Which steps to take, how far to go, and how much may be lost on the way."""

    prune: bool = Field(
        default=True,
        title="Prune channels",
        description="Take out the channels of the smallest norm, and learn with what is left.",
    )
    distil: bool = Field(
        default=True,
        title="Distil",
        description="Let the original teach what pruning left, by its answers and its attention.",
    )
    ptq: bool = Field(
        default=True,
        title="Eight bits after training",
        description="Round weights and activations by ranges seen on rows learnt from.",
    )
    qat: bool = Field(
        default=True,
        title="Eight bits, learnt under",
        description="Learn under the rounding before it is made; takes longer and loses less.",
    )
    low_rank: bool = Field(
        default=False,
        title="Thinner matrices",
        description="Replace matrices by two of lower rank, where that saves work.",
    )
    allowed_loss: float = Field(
        1.0,
        ge=0,
        le=100,
        title="Allowed loss (points)",
        description="How many hundredths of the first figure a smaller form may lose. One that "
        "loses more is shown, and never kept.",
    )
    minutes: float = Field(
        10.0,
        gt=0,
        le=1440,
        title="Minutes to learn",
        description="Shared out among the steps that learn; writing and measuring come on top.",
    )
    share: float = Field(
        0.3,
        gt=0,
        lt=0.95,
        title="Share of channels to prune",
        description="Of each layer that may lose some.",
    )
    goal: Literal["size", "latency"] = Field(
        "size",
        title="Keep the best by",
        description="size: the smallest form that passes; latency: the fastest on this machine.",
    )

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that were chosen, in their order."""
        return tuple(name for name in STEPS if getattr(self, name))


def why_not(card: Mapping[str, Any]) -> str:
    """Say why the model of a card must not be made smaller; nothing if it may."""
    if card.get("privacy"):
        return "It learnt privately, and learning from its data once more would break the promise."
    return ""


@dataclass(frozen=True, slots=True)
class Compressed:
    """All forms that were tried, the original first, and the bundle of the one that was chosen.

    Where none kept enough of the first figure there is no bundle, and `chosen` is empty; `reason`
    says why, if one kept enough where it was chosen, and not where it was tested.
    """

    variants: tuple[Variant, ...]
    chosen: str = ""
    bundle: Path | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    def require(self) -> None:
        """Stop if there is no bundle. Raises: GateError: saying why, with the table of all."""
        if self.reason:
            raise GateError(f"{self.reason}\n{table(self.variants)}")
        if self.bundle is None:
            require_one(self.variants)
