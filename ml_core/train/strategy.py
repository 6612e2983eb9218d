"""Where a network learns: one process on one device, and what `fit` asks of every other way."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.utils._pytree import tree_map_only

from ml_core.device import pick_device
from ml_core.errors import ConfigError
from ml_core.train import checkpoint as files
from ml_core.train import group
from ml_core.train.precision import autocast, scaler_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_core.train.options import FitOptions

Tensors = dict[str, torch.Tensor]


class Learning(Protocol):
    """What `fit` asks of a strategy. Methods marked *together* are called on all ranks at once."""

    learner: torch.nn.Module

    def begin_step(self, rate: float) -> None:
        """Forget the gradients of the last step and set the learning rate."""
        ...

    def learn(self, batch: Any, share: float, *, last: bool) -> float:
        """Add a batch's share to the gradient, and return its loss (*together*).

        `last` says that no other batch of the same step follows.
        """
        ...

    def end_step(self) -> None:
        """Clip the gradient and step down it (*together*)."""
        ...

    def weights(self) -> Tensors:
        """Return the weights as they lie here: whole, or this rank's shards."""
        ...

    def whole(self, tensors: Mapping[str, torch.Tensor]) -> Tensors:
        """Return tensors like the weights in whole; on the first rank only (*together*)."""
        ...

    def take(self, tensors: Mapping[str, torch.Tensor], into: Mapping[str, torch.Tensor]) -> None:
        """Write whole tensors into tensors like the weights."""
        ...

    def memory(self) -> tuple[Tensors, dict[str, Any]]:
        """Return what optimizer and scaler remember, in whole; on the first rank (*together*)."""
        ...

    def recall(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Give optimizer and scaler back what `memory` took."""
        ...


class Stepped(torch.nn.Module):
    """A network whose forward pass is a whole step to the loss: what wrappers wrap."""

    def __init__(self, inner: torch.nn.Module, step: Callable[[Any, Any], torch.Tensor]) -> None:
        super().__init__()
        self.inner, self.step = inner, step
        # Weights whose gradient must be there, as zeros, where a batch has no use for them.
        self.touched: list[tuple[torch.nn.Module, str]] = []

    def forward(self, batch: Any) -> torch.Tensor:
        """Return the loss."""
        loss = self.step(self.inner, batch)
        for part, name in self.touched:
            loss = loss + 0.0 * getattr(part, name).sum()
        return loss


class Single:
    """One process and one device; the other strategies change a part of it."""

    copies = False

    def __init__(
        self,
        module: torch.nn.Module,
        step: Callable[[Any, Any], torch.Tensor],
        options: FitOptions,
    ) -> None:
        self.options = options
        here = next(module.parameters()).device
        self.device = here if options.device is None else pick_device(options.device)
        apart = self.copies or self.device.type != here.type
        self.learner = copy.deepcopy(module).to(self.device) if apart else module
        self.wrapped = self._wrap(Stepped(self.learner, step))
        self.optimizer = torch.optim.AdamW(
            decayed(self.learner, options.weight_decay), lr=options.lr
        )
        self.scaler = scaler_for(self.device, options.precision)

    def begin_step(self, rate: float) -> None:
        """Forget the gradients of the last step and set the learning rate."""
        self.optimizer.zero_grad(set_to_none=True)
        for part in self.optimizer.param_groups:
            part["lr"] = rate

    def learn(self, batch: Any, share: float, *, last: bool) -> float:  # noqa: ARG002  for others
        """Add a batch's share to the gradient, and return its loss."""
        if self.device.type != "cpu":
            batch = tree_map_only(torch.Tensor, lambda tensor: tensor.to(self.device), batch)
        with autocast(self.device, self.options.precision):
            loss: torch.Tensor = self.wrapped(batch)
        self.scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def end_step(self) -> None:
        """Clip the gradient and step down it; the scaler leaves out a step that overflowed."""
        if self.options.clip_norm:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.learner.parameters(), self.options.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def weights(self) -> Tensors:
        """Return the weights, not copied."""
        return self.learner.state_dict()

    def whole(self, tensors: Mapping[str, torch.Tensor]) -> Tensors:
        """Return the tensors, on the first rank."""
        return dict(tensors) if group.is_first() else {}

    def take(self, tensors: Mapping[str, torch.Tensor], into: Mapping[str, torch.Tensor]) -> None:
        """Copy tensor by tensor."""
        for name, tensor in into.items():
            tensor.detach().copy_(tensors[name])

    def memory(self) -> tuple[Tensors, dict[str, Any]]:
        """Return what optimizer and scaler remember."""
        remembered = self.whole(files.optimizer_tensors(self.optimizer))
        return remembered, {"scaler": self.scaler.state_dict()}

    def recall(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Give them back."""
        files.restore_optimizer(self.optimizer, tensors)
        self.scaler.load_state_dict(facts["scaler"])

    def _wrap(self, stepped: Stepped) -> torch.nn.Module:
        return stepped


def begin(
    module: torch.nn.Module,
    step: Callable[[Any, Any], torch.Tensor],
    options: FitOptions,
) -> Learning:
    """Make ready to learn as the options say, with as many ranks as there are.

    Raises: ConfigError: if there are several ranks, and no strategy by which they share.
    """
    if group.n_ranks() == 1:
        return Single(module, step, options)
    if options.strategy == "single":
        message = (
            "Several ranks must have a strategy by which they train together. Got single for "
            f"{group.n_ranks()}. Choose ddp, fsdp2 or zero2."
        )
        raise ConfigError(message)
    return _kind(options)(module, step, options)


def _kind(options: FitOptions) -> type[Single]:
    # Imported when they are wanted: each of them brings a library of its own.
    if options.strategy == "ddp":
        from ml_core.train.replicated import Replicated  # noqa: PLC0415

        return Replicated
    from ml_core.train.sharded import GradientSharded, Sharded  # noqa: PLC0415

    return Sharded if options.strategy == "fsdp2" else GradientSharded


def decayed(module: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return groups of parameters: those that are pulled to zero, and the others.

    Biases, norms and other vectors say where zero is: pulling them to it helps nobody.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
