"""Batch norms over the batches of all ranks, on any device.

torch's own `SyncBatchNorm` is for CUDA alone.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _Sum(torch.autograd.Function):
    """Add up over ranks. What is passed back to each is the sum of what each asks for."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, ranks: dist.ProcessGroup) -> Tensor:
        ctx.ranks, value = ranks, value.clone()
        dist.all_reduce(value, group=ranks)
        return value

    @staticmethod
    def backward(ctx: Any, *asked: Tensor) -> tuple[Tensor, None]:
        passed = asked[0].clone()
        dist.all_reduce(passed, group=ctx.ranks)
        return passed, None


class SharedBatchNorm(_BatchNorm):
    """Normalise by mean and spread over the rows of all ranks; alone, and to use, as ever.

    Shapes: (n, c, ...) on each rank, n may differ -> the same.

    Source: Ioffe and Szegedy, "Batch normalization" (ICML 2015), algorithm 1, over the global
    batch. Mean and spread are summed in turn, since a difference of squares would lose digits.
    """

    # Of their own, so that no other talk of the ranks can come between, in whatever order.
    ranks: dist.ProcessGroup | None = None

    def forward(self, rows: Tensor) -> Tensor:
        """Normalise."""
        if not self.training or self.ranks is None:
            return super().forward(rows)
        x = rows.float()
        axes = [0, *range(2, x.ndim)]
        wide = [1, -1, *[1] * (x.ndim - 2)]
        n = torch.full((1,), x.numel() / x.shape[1], device=x.device)
        sums = self._summed(torch.cat([x.sum(axes), n]))
        if not sums[-1]:
            return rows  # nobody has any
        n, mean = sums[-1].detach(), sums[:-1] / sums[-1].detach()
        centred = x - mean.view(wide)
        var = self._summed(centred.square().sum(axes)) / n
        self._remember(mean.detach(), var.detach() * (n / (n - 1).clamp(min=1)))
        out = centred * torch.rsqrt(var + self.eps).view(wide)
        if self.affine:
            out = out * self.weight.view(wide) + self.bias.view(wide)
        return out.to(rows.dtype)

    def _summed(self, value: Tensor) -> Tensor:
        total: Tensor = _Sum.apply(value, self.ranks)
        return total

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        share = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
            share = 1 / float(self.num_batches_tracked) if share is None else share
        self.running_mean.lerp_(mean.to(self.running_mean), share or 0.0)
        self.running_var.lerp_(var.to(self.running_var), share or 0.0)

    def _check_input_dim(self, rows: Tensor) -> None:
        """Take any number of axes."""


def share_norms(module: nn.Module) -> None:
    """Let the batch norms in a network see the batches of all ranks."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    ranks: Any = dist.new_group() if norms else None
    for norm in norms:
        norm.__class__ = SharedBatchNorm  # the same numbers under the same names
        norm.ranks = ranks
