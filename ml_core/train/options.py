"""How to train, in words that need no torch: a form and an API read them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16", "fp16"]
Schedule = Literal["cosine", "linear", "constant"]
Strategy = Literal["single", "ddp", "fsdp2", "zero2"]
Where = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to train. A zero switches a thing off.

    `warmup_fraction` of all steps raises the rate from zero to `lr`; `schedule` lowers it to zero,
    or leaves it. `ema_decay` is the share of the old in the running mean of the weights, which is
    what is validated and kept. `patience` counts epochs without a better monitored figure. Where
    `max_seconds` will end it before all `epochs`, the rate falls to zero by then instead.
    `accumulate` batches make one step of the optimiser, as if they had been one batch. `strategy`
    says how ranks share the work, where there are several; with `offload` shards, and what the
    optimizer remembers of them, lie in the processor's memory between their uses. `device` None is
    where the network is; elsewhere a copy learns, and the network given is where it is validated.
    """

    epochs: int = 10
    lr: float = 1e-3
    weight_decay: float = 1e-2
    warmup_fraction: float = 0.05
    clip_norm: float = 1.0
    ema_decay: float = 0.0
    patience: int = 0
    max_seconds: float = 0.0
    precision: Precision = "fp32"
    higher_is_better: bool = True
    accumulate: int = 1
    schedule: Schedule = "cosine"
    strategy: Strategy = "single"
    offload: bool = False
    device: Where | None = None


@dataclass(frozen=True, slots=True)
class Ranks:
    """How many processes train one network, and where they meet.

    `here` of them run on each of `nodes` machines, of which this is number `node`. Several
    machines meet at `rendezvous`, "host:port" of machine 0.
    """

    here: int = 1
    nodes: int = 1
    node: int = 0
    rendezvous: str = ""
    device: Where = "cpu"
    restarts: int = 3
