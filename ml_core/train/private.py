"""Learning in steps that tell of no single unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_core.errors import ConfigError
from ml_core.train import group
from ml_core.train.strategy import Single

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

    from ml_core.security.privacy import PrivateSteps
    from ml_core.train.options import FitOptions


class Private(Single):
    """One process whose gradients are clipped by unit and made noisy by `PrivateSteps`.

    Raises: ConfigError: with other precision, several batches a step, or several ranks: the
        promise is accounted for one draw a step, by one process.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        step: Callable[[Any, Any], torch.Tensor],
        options: FitOptions,
        privacy: PrivateSteps,
    ) -> None:
        if options.precision != "fp32" or options.accumulate > 1 or group.n_ranks() > 1:
            message = (
                "A private training must be in fp32, one batch a step, on one rank. Got "
                f"{options.precision}, {options.accumulate} and {group.n_ranks()}. Change these, "
                "or do not learn privately."
            )
            raise ConfigError(message)
        super().__init__(module, step, options)
        self.step, self.privacy = step, privacy

    def learn(self, batch: Any, share: float, *, last: bool) -> float:  # noqa: ARG002  one a step
        """Leave the private gradient of a draw, and return the mean loss of its units."""
        return self.privacy.gradients(self.learner, self.step, self.optimizer, batch)

    def end_step(self) -> None:
        """Step down the gradient, which was clipped unit by unit."""
        self.optimizer.step()

    def recall(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Give the memory back; the steps so far were paid for."""
        super().recall(tensors, facts)
        self.privacy.n_steps = facts["n_steps"]
