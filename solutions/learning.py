"""Choices that every solution has which learns by `ml_core.train.loop.fit`, described once."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ml_core.train.options import FitOptions, Precision, Schedule
from solutions.api import Options

if TYPE_CHECKING:
    from pydantic.config import JsonDict

ADVANCED: JsonDict = {"advanced": True}


class LearningOptions(Options):
    """How to take steps; a solution sets other defaults by `with_default`."""

    precision: Precision = Field(
        "fp32",
        title="Precision",
        description="Numbers that the forward pass computes in. bf16 and fp16 need half the memory "
        "and are faster on graphics cards that know them; fp16 scales the gradients.",
        json_schema_extra=ADVANCED,
    )
    accumulate: int = Field(
        1,
        ge=1,
        le=1024,
        title="Batches a step",
        description="So many batches make one step, as one large batch would, in the memory of "
        "one.",
        json_schema_extra=ADVANCED,
    )
    schedule: Schedule = Field(
        "cosine",
        title="Learning rate over time",
        description="After its rise it falls to zero along a cosine or a line, or stays.",
        json_schema_extra=ADVANCED,
    )
    clip_norm: float = Field(
        1.0,
        ge=0,
        le=1e6,
        title="Longest gradient",
        description="A longer gradient is shortened to it. 0: never.",
        json_schema_extra=ADVANCED,
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Running mean of weights",
        description="Share of the old in the mean that is validated and kept. 0: the weights "
        "themselves.",
        json_schema_extra=ADVANCED,
    )
    patience: int = Field(
        0,
        ge=0,
        le=10_000,
        title="Patience (epochs)",
        description="Learning ends after so many epochs without a better figure. 0: never.",
        json_schema_extra=ADVANCED,
    )

    def fit_options(
        self, *, epochs: int, lr: float, minutes: float, weight_decay: float = 1e-2,
        warmup_fraction: float = 0.05,
    ) -> FitOptions:  # fmt: skip
        """Return what `fit` wants, with what the solution decides by itself."""
        return FitOptions(
            epochs=epochs, lr=lr, weight_decay=weight_decay, warmup_fraction=warmup_fraction,
            clip_norm=self.clip_norm, ema_decay=self.ema_decay, patience=self.patience,
            max_seconds=60 * minutes, precision=self.precision, accumulate=self.accumulate,
            schedule=self.schedule,
        )  # fmt: skip


def with_default(name: str, value: Any) -> Any:
    """Return the field of an option with another default, for use in a solution's own options."""
    field = copy(LearningOptions.model_fields[name])
    field.default = value
    return field
