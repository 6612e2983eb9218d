"""Prune, distil, quantise: each form measured and judged before the next one builds on it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from ml_core.compress.cost import costs
from ml_core.compress.gate import Gate, Variant, fastest, smallest, variant
from ml_core.compress.low_rank import factorise
from ml_core.compress.prune import Extent, extent, prune
from ml_core.compress.quantised import to_int8_onnx
from ml_core.compress.quantize import (
    agreement,
    calibrate,
    float_weights,
    post_training,
    prepare,
)
from ml_core.errors import ConfigError, ModelError
from ml_core.tracking.run import stop_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from ml_core.evaluate.intervals import Interval
    from ml_core.tracking.run import Run

Step = Literal["low_rank", "prune", "distil", "ptq", "qat"]
STEPS: tuple[Step, ...] = ("low_rank", "prune", "distil", "ptq", "qat")
LEARNING = frozenset({"low_rank", "prune", "distil", "qat"})
ORIGINAL = "original"
NAMES: Mapping[str, str] = {
    "low_rank": "low rank", "prune": "pruned", "distil": "distilled", "ptq": "PTQ", "qat": "QAT",
}  # fmt: skip


class Recipe(Protocol):
    """What the pipeline must be told of a network: how it learns, is written, and is measured."""

    @property
    def examples(self) -> Mapping[str, Tensor]:
        """Some rows of input by the names of the arguments of `forward`, two or more."""
        ...

    @property
    def outputs(self) -> Sequence[str]:
        """The names of what the network tells."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """Say which way the metric goes."""
        ...

    @property
    def n_in_float(self) -> int:
        """How many first convolutions are left alone by quantisation after training."""
        ...

    def free(self, network: nn.Module) -> Collection[nn.Module]:
        """Return the layers that may lose channels."""
        ...

    def learn(self, network: nn.Module, seconds: float, run: Run) -> None:
        """Train on the truth for so long; the network may learn under rounding."""
        ...

    def teach(self, teacher: nn.Module, network: nn.Module, seconds: float, run: Run) -> None:
        """Train on truth and teacher for so long."""
        ...

    def samples(self) -> Iterator[Mapping[str, Tensor]]:
        """Yield inputs of the training part, one row each, spread over it."""
        ...

    def export(self, network: nn.Module, path: Path) -> None:
        """Write a network as ONNX, and prove that the file says the same."""
        ...

    def measure(self, path: Path) -> Interval:
        """Return the metric of a file on rows that were not learnt from, with its interval.

        Forms are chosen by it, so it must not be the one that is reported of the form chosen.
        """
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """Which steps to take, how far, and what may be lost by them.

    `share` of the channels of each free layer is pruned, in `rounds`; `seconds` are those of all
    learning together. `goal` says which of the forms that pass is chosen.
    """

    steps: tuple[Step, ...]
    allowed: float
    seconds: float
    share: float = 0.3
    rounds: int = 2
    energy: float = 0.98
    goal: Literal["size", "latency"] = "size"


@dataclass(frozen=True, slots=True)
class Compressed:
    """All forms that could be made, the original first."""

    variants: tuple[Variant, ...]
    base: str  # the form in float that the eight-bit ones were made of

    def chosen(self, goal: Literal["size", "latency"]) -> Variant:
        """Return the best form that passed. Raises: GateError: if none did."""
        return smallest(self.variants) if goal == "size" else fastest(self.variants)


def compress(
    network: nn.Module, file: Path, recipe: Recipe, plan: Plan, out: Path, run: Run
) -> Compressed:
    """Make the forms that a plan asks for as files in `out`, and judge each by the gate.

    `file` is the network as it answers now, and stays where it is.

    Pruning and low rank build on the original; distillation teaches what pruning left, also where
    it alone has lost too much. Both quantisations build on the last form in float that passed,
    which teaches the one that learns under rounding, if anything is taught. The metric decides on
    the spot; times are taken at the end, in turns.

    A step that cannot be taken leaves the others alone: it says why, and its form is missing.

    Raises: ConfigError: if the plan has no step. CancelledError: within one step of being asked.
        ModelError: if no step could be taken.
    """
    if not set(plan.steps) & set(STEPS):
        message = f"At least one step must be chosen. Got none. Choose of {', '.join(STEPS)}."
        raise ConfigError(message)
    work = _Work(recipe, plan, out, run, original=network)
    work.measure(ORIGINAL, network, file)
    if "low_rank" in plan.steps:
        work.attempt(work.low_rank)
    if {"prune", "distil"} & set(plan.steps):
        work.attempt(work.thin)
    for step in ("ptq", "qat"):
        if step in plan.steps:
            work.attempt(work.eight_bits, step)
    return work.judged()


@dataclass(slots=True)
class _Work:
    """What was made so far."""

    recipe: Recipe
    plan: Plan
    out: Path
    run: Run
    original: nn.Module
    base: str = ORIGINAL
    paths: dict[str, Path] = field(default_factory=dict)
    measured: dict[str, Interval] = field(default_factory=dict)
    networks: dict[str, nn.Module] = field(default_factory=dict)
    extents: dict[str, Extent] = field(default_factory=dict)
    failure: ModelError | None = None

    @property
    def seconds(self) -> float:
        """The share of one step in the time to learn."""
        return self.plan.seconds / max(1, len(LEARNING & set(self.plan.steps)))

    @property
    def gate(self) -> Gate:
        value = self.measured[ORIGINAL].value
        return Gate(value, self.plan.allowed, self.recipe.higher_is_better)

    def attempt(self, take: Callable[..., None], *args: str) -> None:
        """Take a step; what others have made so far is not lost by one that fails."""
        try:
            take(*args)
        except ModelError as error:
            self.run.log(str(error))
            self.failure = error

    def low_rank(self) -> None:
        """Learn with thinner matrices, where there are any that pay."""
        self.run.stage("Low rank")
        thin = copy.deepcopy(self._float_base())
        ranks = factorise(thin, self.plan.energy)
        self.run.log(f"{len(ranks)} layers as the product of two thinner ones.")
        if ranks:
            self.recipe.learn(thin, self.seconds, self.run)
            self.keep(NAMES["low_rank"], thin)

    def thin(self) -> None:
        """Prune, and let the original teach what is left."""
        steps, recipe, run = self.plan.steps, self.recipe, self.run
        run.stage("Pruning")
        rounds = self.plan.rounds if "prune" in steps else 1
        network = copy.deepcopy(self._float_base())

        def tune(_round: int) -> None:
            if "prune" in steps:
                recipe.learn(network, self.seconds / rounds, run)

        before, after = prune(
            network, recipe.examples, self.plan.share, free=recipe.free(network), rounds=rounds,
            tune=tune,
        )  # fmt: skip
        run.log(
            f"Parameters {before.parameters:,} to {after.parameters:,}, channels "
            f"{before.channels:,} to {after.channels:,}, MACs {before.macs:,} to {after.macs:,}."
        )
        if "prune" in steps:
            self.keep(NAMES["prune"], network)
        if "distil" in steps:
            run.stage("Distilling")
            student = copy.deepcopy(network)
            recipe.teach(copy.deepcopy(self.original), student, self.seconds, run)
            self.keep(NAMES["distil"], student)

    def eight_bits(self, step: str) -> None:
        """Quantise the last form in float that passed."""
        name, recipe = NAMES[step], self.recipe
        path = self.out / f"{step}.onnx"
        self.run.stage(f"Quantising ({name})")
        network = self._float_base()
        if step == "ptq":
            samples = ({n: t.numpy() for n, t in one.items()} for one in recipe.samples())
            post_training(self.paths[self.base], path, samples, n_in_float=recipe.n_in_float)
            self.measure(name, network, path)
            return
        rounding = prepare(network, recipe.examples)
        calibrate(rounding, recipe.samples())
        if "distil" in self.plan.steps:
            recipe.teach(copy.deepcopy(network), rounding, self.seconds, self.run)
        else:
            recipe.learn(rounding, self.seconds, self.run)
        to_int8_onnx(rounding, recipe.examples, path, outputs=recipe.outputs)
        left = float_weights(path)
        if left:
            message = (
                f"All weights of layers must be eight bits. Got floats in {', '.join(left)}. "
                "Report it with the log of this job."
            )
            raise ModelError(message)
        self.run.log(f"The file is {agreement(rounding, path, recipe.examples):.2%} apart.")
        self.measure(name, rounding, path, network)

    def keep(self, name: str, network: nn.Module) -> None:
        """Write and measure a form in float; one that passes is what the next builds on."""
        path = self.out / f"{name.replace(' ', '_')}.onnx"
        self.recipe.export(network, path)
        self.measure(name, network, path)
        if self.gate.passes(self.measured[name].value):
            self.base = name

    def judged(self) -> Compressed:
        """Take the times, and judge all. Raises: ModelError: if there is nothing to judge."""
        if self.failure is not None and len(self.paths) == 1:
            raise self.failure
        self.run.stage("Timing")
        sample = {name: tensor.numpy() for name, tensor in self.recipe.examples.items()}
        taken, gate = costs(self.paths, sample), self.gate
        found = [
            variant(
                name, path.name, taken[name], self.measured[name], gate,
                self.extents[name].as_tuple(),
            )
            for name, path in self.paths.items()
        ]  # fmt: skip
        return Compressed(tuple(found), self.base)

    def _float_base(self) -> nn.Module:
        return self.networks[self.base]

    def measure(
        self, name: str, network: nn.Module, path: Path, counted: nn.Module | None = None
    ) -> None:
        """Measure a form; `counted` is how large it is, where the network itself is wrapped."""
        stop_if_cancelled(self.run)
        found = self.recipe.measure(path)
        self.paths[name], self.measured[name], self.networks[name] = path, found, network
        self.extents[name] = extent(counted or network, self.recipe.examples)
        lost = self.gate.loss(found.value)
        verdict = "within" if self.gate.passes(found.value) else "more than"
        if name != ORIGINAL:
            self.run.log(
                f"{name}: {found.value:.4f}, {lost:+.2f} points lost, "
                f"{verdict} the {self.plan.allowed:g} allowed."
            )
