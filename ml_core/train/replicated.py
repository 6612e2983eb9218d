"""Data parallel: each rank holds the whole network, and gradients are averaged."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from torch.nn.parallel import DistributedDataParallel

from ml_core.nn.shared_norm import share_norms
from ml_core.train.strategy import Single, Stepped

if TYPE_CHECKING:
    import torch


class Replicated(Single):
    """DDP: gradients are summed in buckets while the backward pass still runs.

    Source: Li et al., "PyTorch distributed" (VLDB 2020).
    """

    copies = True  # the wrapper leaves hooks behind

    def learn(self, batch: Any, share: float, *, last: bool) -> float:
        """Add a batch's share; ranks talk at the last of a step only."""
        wrapped: Any = self.wrapped
        with nullcontext() if last else wrapped.no_sync():
            return super().learn(batch, share, last=last)

    def _wrap(self, stepped: Stepped) -> torch.nn.Module:
        share_norms(stepped)
        # A part of a network may have nothing to do in some batches, as an ear without sounds.
        return DistributedDataParallel(stepped, find_unused_parameters=True)
