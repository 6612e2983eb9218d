"""Learning that no single unit can be read out of: DP-SGD by Opacus, and what it has cost.

A *unit* is what is protected: a payment, a picture with its questions. For each step

    every unit is drawn by itself with probability q (Poisson sampling),
    g = [ sum_i g_i min(1, C / |g_i|) + N(0, (sigma C)^2) ] / (q n)

where g_i is the gradient of unit i alone. After T steps the weights are (epsilon, delta)-
differentially private for adding or removing one unit, by the accountant's bound for T
compositions of the Poisson-subsampled Gaussian. That bound holds for this way of drawing and for
no other, so batches are drawn here, and a step on any other is refused.

Source: Abadi et al., "Deep learning with differential privacy" (CCS 2016), algorithm 1; the
accountant after Mironov, "Renyi differential privacy" (CSF 2017) or Gopi et al., "Numerical
composition of differential privacy" (NeurIPS 2021). Clipping, noise and accountants are
Opacus's; gradients of single units are torch.func's, so that any network without batch norms will
do. Sampling and noise take their seeds from the system, never from the run: who knows the noise
can take it off. Opacus's generator is not a cryptographic one.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ml_core.typing import IntArray

Batch = tuple[torch.Tensor, ...]
Accountant = Literal["rdp", "prv"]
CHUNK = 64  # units whose gradients are in memory at once


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is promised: epsilon and delta for one unit, and the bound of a unit's gradient.

    Give the epsilon that is allowed after all steps, or the noise as a multiple of the bound.
    """

    delta: float = 1e-5
    max_grad_norm: float = 1.0
    target_epsilon: float | None = None
    noise_multiplier: float | None = None
    accountant: Accountant = "rdp"

    def __post_init__(self) -> None:
        if (self.target_epsilon is None) == (self.noise_multiplier is None):
            message = (
                "Privacy must have an epsilon or a noise multiplier. Got both or neither. Give one."
            )
            raise ConfigError(message)
        for name in ("delta", "max_grad_norm", "target_epsilon", "noise_multiplier"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be above 0. Got {value}. Raise it.")

    def plan(self, n_units: int, *, batch_size: int, epochs: int) -> PrivateSteps:
        """Choose rate and noise for so many units and epochs.

        Raises: ConfigError: without Opacus, if delta promises nothing, or no noise is enough.
        """
        require_opacus()
        if not self.delta < 1 / max(1, n_units):
            message = (
                f"delta must be below 1 / {n_units:,}, the number of units. Got {self.delta:g}: "
                "some unit could be given away whole. Lower it, or give more data."
            )
            raise ConfigError(message)
        rate = min(1.0, batch_size / max(1, n_units))
        steps = max(1, round(1 / rate))
        return PrivateSteps(self, n_units, rate, steps, self._noise(rate, steps * epochs))

    def _noise(self, rate: float, n_steps: int) -> float:
        if self.noise_multiplier is not None:
            return self.noise_multiplier
        from opacus.accountants.utils import get_noise_multiplier  # noqa: PLC0415  an extra

        try:
            with _quiet():
                return float(
                    get_noise_multiplier(
                        target_epsilon=self.target_epsilon,
                        target_delta=self.delta,
                        sample_rate=rate,
                        steps=n_steps,
                        accountant=self.accountant,
                    )
                )
        except ValueError as error:
            message = (
                f"epsilon must be one that some noise can keep. Got {self.target_epsilon:g} over "
                f"{n_steps:,} steps. Raise it, or learn for fewer epochs."
            )
            raise ConfigError(message) from error


class PrivateSteps:
    """The steps of one training: draws batches, makes gradients private, counts what it costs.

    `ml_core.train.loop.fit(..., privacy=...)` takes its gradients from here.
    """

    def __init__(
        self, privacy: Privacy, n_units: int, rate: float, steps_per_epoch: int, noise: float
    ) -> None:
        self.privacy, self.n_units, self.rate = privacy, n_units, rate
        self.steps_per_epoch, self.noise_multiplier = steps_per_epoch, noise
        self.n_steps = 0
        self._drawn: int | None = None
        self._draw = np.random.default_rng(int.from_bytes(os.urandom(16), "little"))
        self._noised: Any = None

    def draws(self) -> Iterator[IntArray]:
        """Yield the units of each step of an epoch; some steps have more of them, some fewer."""
        for _ in range(self.steps_per_epoch):
            chosen = np.flatnonzero(self._draw.random(self.n_units) < self.rate)
            self._drawn = len(chosen)
            yield chosen

    def gradients(
        self,
        module: nn.Module,
        step: Callable[[Any, Batch], torch.Tensor],
        optimizer: torch.optim.Optimizer,
        batch: Batch,
    ) -> float:
        """Leave a private gradient in the parameters, and return the mean loss of the units.

        `batch` has a row for each unit that was drawn; `step(module, batch)` is called with one.
        Shapes: each tensor of the batch (n, ...); n may be 0.
        Raises: ConfigError: if the batch was not drawn here, or units would mix in a batch norm.
        """
        self._take_turn(batch)
        _refuse_mixing(module)
        noised = self._noised_for(module, optimizer)
        noised.zero_grad(set_to_none=True)
        total = 0.0
        for part in _parts(batch):
            total += _leave_each(module, step, part)
            noised.clip_and_accumulate()
        noised.add_noise()
        noised.scale_grad()
        for parameter in noised.params:
            parameter.grad_sample = parameter.summed_grad = None
        return total / max(1, len(batch[0]))

    @property
    def epsilon(self) -> float:
        """What the steps so far have cost."""
        if not self.n_steps:
            return 0.0
        from opacus.accountants import create_accountant  # noqa: PLC0415  an extra

        accountant = create_accountant(mechanism=self.privacy.accountant)
        accountant.history = [(self.noise_multiplier, self.rate, self.n_steps)]
        with _quiet():
            return float(accountant.get_epsilon(delta=self.privacy.delta))

    def card(self, *, unit: str, not_covered: Sequence[str]) -> dict[str, Any]:
        """Return what the card of a model says: the promise, for what, and what it leaves out."""
        return {
            "epsilon": round(self.epsilon, 4),
            "delta": self.privacy.delta,
            "unit": unit,
            "accountant": f"{self.privacy.accountant.upper()} of Opacus {version('opacus')}",
            "sampling": f"each unit by itself, with probability {self.rate:.4g} at each step",
            "noise_multiplier": round(self.noise_multiplier, 4),
            "max_grad_norm": self.privacy.max_grad_norm,
            "steps": self.n_steps,
            "units": self.n_units,
            "not_covered": list(not_covered),
        }

    def _take_turn(self, batch: Batch) -> None:
        if self._drawn != len(batch[0]):
            message = (
                "A private step must take the batch that was drawn for it, once. Got another. "
                "Draw batches by PrivateSteps.draws, or the promised epsilon does not hold."
            )
            raise ConfigError(message)
        self._drawn = None
        self.n_steps += 1

    def _noised_for(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
        if self._noised is None or self._noised.original_optimizer is not optimizer:
            from opacus.optimizers import DPOptimizer  # noqa: PLC0415  an extra

            device = next(module.parameters()).device
            generator = torch.Generator(device).manual_seed(
                int.from_bytes(os.urandom(8), "little") >> 1
            )
            self._noised = DPOptimizer(
                optimizer,
                noise_multiplier=self.noise_multiplier,
                max_grad_norm=self.privacy.max_grad_norm,
                expected_batch_size=max(1.0, self.rate * self.n_units),
                generator=generator,
            )
        return self._noised


class _Step(nn.Module):
    """A step as a module, so that its network's parameters can be swapped."""

    def __init__(self, network: nn.Module, step: Callable[[Any, Batch], torch.Tensor]) -> None:
        super().__init__()
        self.network, self.step = network, step

    def forward(self, unit: Batch) -> torch.Tensor:
        return self.step(self.network, tuple(tensor.unsqueeze(0) for tensor in unit))


def _leave_each(
    module: nn.Module, step: Callable[[Any, Batch], torch.Tensor], part: Batch
) -> float:
    """Put the gradient of each unit beside its parameter; return the sum of their losses."""
    whole = _Step(module, step)
    learnt = {n: p for n, p in whole.named_parameters() if p.requires_grad}
    if not len(part[0]):
        for parameter in learnt.values():
            parameter.grad_sample = parameter.new_zeros((0, *parameter.shape))  # type: ignore[attr-defined]
        return 0.0

    def loss(weights: dict[str, torch.Tensor], unit: Batch) -> torch.Tensor:
        found: torch.Tensor = functional_call(whole, weights, (unit,))
        return found

    weights = {name: parameter.detach() for name, parameter in learnt.items()}
    each, losses = vmap(grad_and_value(loss), in_dims=(None, 0), randomness="different")(
        weights, part
    )
    for name, parameter in learnt.items():
        parameter.grad_sample = each[name].detach()  # type: ignore[attr-defined]
    return float(losses.detach().sum())


def _parts(batch: Batch) -> Iterator[Batch]:
    for start in range(0, max(1, len(batch[0])), CHUNK):
        yield tuple(tensor[start : start + CHUNK] for tensor in batch)


def _refuse_mixing(module: nn.Module) -> None:
    for part in module.modules():
        # The base of all batch norms; one that is frozen in eval mode mixes nothing.
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training:  # noqa: SLF001
            message = (
                f"A network that learns privately must treat each unit by itself. Got a "
                f"{type(part).__name__}, which mixes a batch. Use group norms, or do not learn "
                "privately."
            )
            raise ConfigError(message)


def require_opacus() -> None:
    """Stop where Opacus is not installed. Raises: ConfigError."""
    try:
        version("opacus")
    except PackageNotFoundError as error:
        message = (
            "Learning privately needs the package opacus. Got an installation without it. Run "
            "`make setup`, or switch private off."
        )
        raise ConfigError(message) from error


def _quiet() -> warnings.catch_warnings[Any]:
    # Opacus says that more orders could tighten its bound; it holds without them.
    return warnings.catch_warnings(action="ignore", category=UserWarning)
