"""The running mean of weights over the steps of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunningMean:
    """An exponential mean of tensors by name; where they are shards, so is their mean.

    A young mean forgets faster, or the random first weights would weigh on it for long.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (SIAM J.
    Control Optim. 30, 1992), in its exponential form.
    """

    def __init__(self, weights: Mapping[str, torch.Tensor], decay: float) -> None:
        self.tensors = {name: tensor.detach().clone() for name, tensor in weights.items()}
        self.decay, self.n_averaged = decay, 0

    @torch.no_grad()
    def update(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take in the weights after a step; counts and flags are taken as they are."""
        n = self.n_averaged
        share = 1 - min(self.decay, (1 + n) / (10 + n))
        for name, mean in self.tensors.items():
            if n == 0 or not mean.is_floating_point():
                mean.copy_(weights[name])
            else:
                mean.lerp_(weights[name], share)
        self.n_averaged += 1
