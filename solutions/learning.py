"""Choices that every solution has which learns by `ml_core.train.loop.fit`, described once."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from ml_core.train.options import FitOptions, Precision, Ranks, Schedule, Strategy, Where
from solutions.api import Options

if TYPE_CHECKING:
    from pydantic import ValidationInfo
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
            schedule=self.schedule, **self._where(),
        )  # fmt: skip

    def ranks(self) -> Ranks | None:
        """Return how many train together, if more than one."""
        return None

    def _where(self) -> dict[str, Any]:
        return {}


class TogetherOptions(LearningOptions):
    """For solutions whose training is written for several ranks.

    Each rank runs `Solution.train`; what it learns from must go through `ml_core.train.group.mine`,
    and all ranks but the first leave after the last `fit`.
    """

    strategy: Strategy = Field(
        "single",
        title="Strategy",
        description="How several processes share one training. single: one process; ddp: each "
        "holds the whole network; fsdp2: each holds a share of all; zero2: of gradients and of "
        "what the optimizer remembers.",
        json_schema_extra=ADVANCED,
    )
    offload: bool = Field(
        default=False,
        title="Offload to the processor's memory",
        description="With fsdp2 and zero2: what a process holds of weights, gradients and the "
        "optimizer's memory lies there, and the optimizer steps there. For networks that are too "
        "large for a card; slower.",
        json_schema_extra=ADVANCED,
    )
    device: Where = Field(
        "cpu",
        title="Learn on",
        description="cuda: a graphics card for each process.",
        json_schema_extra=ADVANCED,
    )
    processes: int = Field(
        1,
        ge=1,
        le=64,
        title="Processes on this machine",
        description="So many share the training; each needs a core, or a graphics card.",
        json_schema_extra=ADVANCED,
    )
    rendezvous: str = Field(
        "",
        max_length=260,
        pattern=r"^([A-Za-z0-9._-]+:[0-9]{1,5})?$",
        title="Where machines meet",
        description="host:port of the first machine, if there are several.",
        json_schema_extra=ADVANCED,
    )
    machine: int = Field(
        0,
        ge=0,
        lt=64,
        title="Number of this machine",
        description="From 0, the one that keeps the model.",
        json_schema_extra=ADVANCED,
    )
    machines: int = Field(
        1,
        ge=1,
        le=64,
        title="Machines",
        description="So many train together; each is told its number.",
        json_schema_extra=ADVANCED,
        validate_default=True,
    )

    @field_validator("machines")
    @classmethod
    def _fit_together(cls, machines: int, info: ValidationInfo) -> int:
        given = info.data
        together = machines * given.get("processes", 1) > 1
        if together and given.get("strategy") == "single":
            raise ValueError(
                "with strategy single there is one process; choose ddp, fsdp2 or zero2"
            )
        if machines > 1 and not given.get("rendezvous"):
            raise ValueError("several machines need a rendezvous, host:port")
        if given.get("offload") and (
            given.get("strategy") not in ("fsdp2", "zero2") or not together
        ):
            raise ValueError(
                "offload is for shards; choose fsdp2 or zero2, and two processes or more"
            )
        if given.get("machine", 0) >= machines:
            raise ValueError("the number of a machine is below that of machines")
        return machines

    def ranks(self) -> Ranks | None:
        """Return how many train together, if more than one."""
        if self.processes * self.machines == 1:
            return None
        return Ranks(self.processes, self.machines, self.machine, self.rendezvous, self.device)

    def _where(self) -> dict[str, Any]:
        return {"strategy": self.strategy, "device": self.device, "offload": self.offload}


def with_default(name: str, value: Any) -> Any:
    """Return the field of an option with another default, for use in a solution's own options."""
    field = copy(LearningOptions.model_fields[name])
    field.default = value
    return field
