"""Training state on disk: one safetensors file whose header holds the JSON, written at once."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ml_core.errors import ModelError
from ml_core.train import group

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RNG = "rng.cpu"
CUDA_RNG = "rng.cuda"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tensors by name and the facts that go with them."""

    tensors: Mapping[str, torch.Tensor]
    facts: Mapping[str, Any]

    def part(self, prefix: str) -> dict[str, torch.Tensor]:
        """Return the tensors under a prefix, without it."""
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write so that a crash leaves the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    # safetensors refuses tensors that share memory, as tied weights do: each gets its own.
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in checkpoint.tensors.items()
    }
    save_file(tensors, draft, metadata={"facts": json.dumps(dict(checkpoint.facts))})
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    draft.replace(path)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises: ModelError: if the file is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = json.loads((file.metadata() or {})["facts"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        message = (
            f"A checkpoint must be a whole safetensors file with its facts. Got {path.name!r}, "
            "which is not. Delete it, and the training starts anew."
        )
        raise ModelError(message) from error
    return Checkpoint(tensors, facts)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Flatten what an optimizer remembers of each parameter to "<number>.<name>"."""
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, memory in optimizer.state_dict()["state"].items()
        for name, value in memory.items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Give an optimizer back what `optimizer_tensors` took."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def random_state() -> dict[str, torch.Tensor]:
    """Take the state of torch's generators on each rank, of the CPU and of its CUDA device."""
    own = {RNG: torch.get_rng_state()}
    if torch.cuda.is_available():
        own[CUDA_RNG] = torch.cuda.get_rng_state()
    return {
        f"rank{rank}.{name}": tensor
        for name, value in own.items()
        for rank, tensor in enumerate(group.gathered(value))
    }


def restore_random_state(tensors: Mapping[str, torch.Tensor]) -> None:
    """Put torch's generators back where `random_state` found them on this rank."""
    own = f"rank{group.rank()}."
    torch.set_rng_state(tensors[own + RNG])
    if own + CUDA_RNG in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors[own + CUDA_RNG])


def spread(saved: Checkpoint | None) -> Checkpoint | None:
    """Give all ranks the checkpoint that the first has read, or None if it found none."""
    if group.n_ranks() == 1:
        return saved
    tensors = {} if saved is None else dict(saved.tensors)
    names: dict[str, Any] = {name: [list(t.shape), str(t.dtype)[6:]] for name, t in tensors.items()}
    head: list[Any] = [None if saved is None else dict(saved.facts), names]
    facts, names = group.told(head)
    if facts is None:
        return None
    if not group.is_first():
        tensors = {n: torch.empty(s, dtype=getattr(torch, d)) for n, (s, d) in names.items()}
    group.make_same(tensors.values())
    return Checkpoint(tensors, facts)
