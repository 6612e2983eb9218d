"""Each rank holds a share of gradients and optimizer, and of weights while nobody uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from ml_core.nn.shared_norm import share_norms
from ml_core.train import checkpoint as files
from ml_core.train import group
from ml_core.train.strategy import Single, Stepped, Tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import torch


class Sharded(Single):
    """FSDP2: weights are gathered for a pass and gradients scattered after it.

    A network may name by `sharded_blocks()` parts that are always called, one after the other, as
    the layers of a transformer are: then the weights of one at a time are gathered.

    A weight that a step has no use for gets a gradient of zero, where one rank alone would leave
    it out of the step; the optimizer's momentum moves it on.

    Offloaded shards lie in the processor's memory, where the optimizer steps; a card holds what it
    is computing with, and no more.

    Source: Rajbhandari et al., "ZeRO" (SC 2020): stage 3, and stage 2 where weights stay gathered
    between the passes. Ren et al., "ZeRO-Offload" (USENIX ATC 2021). Zhao et al., "PyTorch FSDP"
    (VLDB 2023).
    """

    copies = True
    frees_weights = True  # between forward and backward pass

    def learn(self, batch: Any, share: float, *, last: bool) -> float:
        """Add a batch's share; ranks talk at the last of a step only."""
        root: Any = self.wrapped
        root.set_requires_gradient_sync(last)
        return super().learn(batch, share, last=last)

    def whole(self, tensors: Mapping[str, torch.Tensor]) -> Tensors:
        """Gather one tensor after the other; the first rank keeps them, on the CPU."""
        kept: Tensors = {}
        for name, tensor in tensors.items():
            full = tensor
            if isinstance(tensor, DTensor):  # offloaded ones must be where the ranks talk
                full = cast("DTensor", tensor.to(self.device)).full_tensor()
            if group.is_first():
                kept[name] = full.detach().cpu()
        return kept

    def take(self, tensors: Mapping[str, torch.Tensor], into: Mapping[str, torch.Tensor]) -> None:
        """Copy this rank's shard of each."""
        for name, tensor in into.items():
            tensor.detach().copy_(_like(tensors[name], tensor))

    def recall(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Give optimizer and scaler back what they remembered."""
        parameters = [p for part in self.optimizer.param_groups for p in part["params"]]
        shards = {
            name: _like(tensor, parameters[int(name.split(".", 1)[0])])
            for name, tensor in tensors.items()
        }
        files.restore_optimizer(self.optimizer, shards)
        self.scaler.load_state_dict(facts["scaler"])

    def _wrap(self, stepped: Stepped) -> torch.nn.Module:
        share_norms(stepped)
        mesh = init_device_mesh(self.device.type, (group.n_ranks(),))
        for weight in stepped.parameters():  # cut by rows, as they lie: channels last cannot be
            weight.data = weight.data.contiguous()
        blocks = _blocks(stepped)
        stepped.touched = _outside(stepped, blocks)  # ranks must scatter the same gradients
        how: dict[str, Any] = {"mesh": mesh, "reshard_after_forward": self.frees_weights}
        if self.options.offload:
            how["offload_policy"] = CPUOffloadPolicy(pin_memory=self.device.type == "cuda")
        for block in blocks:
            fully_shard(block, **how)
        fully_shard(stepped, **how)
        return stepped


class GradientSharded(Sharded):
    """ZeRO-2 on FSDP2: weights stay gathered from the forward to the backward pass."""

    frees_weights = False


def _blocks(stepped: Stepped) -> list[torch.nn.Module]:
    """Return the parts that the network names by `sharded_blocks()`, or none: all at once."""
    named: Callable[[], Iterable[torch.nn.Module]] = getattr(stepped.inner, "sharded_blocks", list)
    return list(named())


def _outside(stepped: Stepped, blocks: list[torch.nn.Module]) -> list[tuple[torch.nn.Module, str]]:
    """Return the weights that learn and are in no block, by where they stand.

    They are other tensors while they are gathered, so it is their place that lasts.
    """
    inside = {id(part) for block in blocks for part in block.modules()}
    return [
        (part, name)
        for part in stepped.modules()
        if id(part) not in inside
        for name, weight in part.named_parameters(recurse=False)
        if weight.requires_grad
    ]


def _like(whole: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """Return this rank's part of a whole tensor, cut as another is; no rank has to be asked."""
    if not isinstance(tensor, DTensor) or whole.ndim == 0:
        return whole
    mesh = tensor.device_mesh
    shard = distribute_tensor(
        whole.to(mesh.device_type), mesh, tensor.placements, src_data_rank=None
    )
    return shard.to(tensor.device)  # which is another where shards are offloaded
