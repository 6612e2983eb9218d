"""The group of ranks that train one network; a process alone is a group of one.

Each rank runs the same program. They meet in `fit`, which speaks through these few functions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

import torch
import torch.distributed as dist

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

T = TypeVar("T")
FIRST = 0


class LeftGroup(BaseException):
    """A rank that is not the first has done its share."""


def n_ranks() -> int:
    """Return how many train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if n_ranks() > 1 else FIRST


def is_first() -> bool:
    """Tell whether this is the rank that speaks, validates and keeps."""
    return rank() == FIRST


def mine(rows: NDArray[T]) -> NDArray[T]:  # type: ignore[type-var]
    """Return this rank's share of the rows of a batch; all of them where there are too few.

    Then each rank learns the same from the same rows, which is their mean as well.
    """
    n = n_ranks()
    return rows if len(rows) < n else rows[rank() :: n]


def leave_unless_first() -> None:
    """End the work of all ranks but the first, when there is nothing more to learn together."""
    if not is_first():
        raise LeftGroup


def total(values: Sequence[float]) -> list[float]:
    """Add up numbers over all ranks, so that all know the same."""
    if n_ranks() == 1:
        return [float(value) for value in values]
    sums = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(sums)
    return [float(value) for value in sums]


def told(fact: T) -> T:
    """Return what the first rank says, as JSON carries it."""
    if n_ranks() == 1:
        return fact
    text = json.dumps(fact).encode() if is_first() else b""
    size = torch.tensor([len(text)])
    dist.broadcast(size, FIRST)
    letters = torch.zeros(int(size), dtype=torch.uint8)
    if is_first():
        letters[:] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    dist.broadcast(letters, FIRST)
    return json.loads(letters.numpy().tobytes())  # type: ignore[no-any-return]


def make_same(tensors: Iterable[torch.Tensor]) -> None:
    """Overwrite tensors by those of the first rank."""
    if n_ranks() == 1:
        return
    for tensor in tensors:
        sent = tensor.detach().to("cpu", copy=True).contiguous()
        dist.broadcast(sent, FIRST)
        if not is_first():
            tensor.detach().copy_(sent)


def gathered(tensor: torch.Tensor) -> list[torch.Tensor]:
    """Return the tensors of all ranks, in their order. Shapes: the same on each."""
    if n_ranks() == 1:
        return [tensor]
    parts = [torch.empty_like(tensor) for _ in range(n_ranks())]
    dist.all_gather(parts, tensor.contiguous())
    return parts
