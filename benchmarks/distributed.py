"""Several ranks of one thread against one of one thread, the same global batch.

    python benchmarks/distributed.py [--rounds 3] [--json OUT]

A small transformer learns, through the product's own loop and launcher, to name the word that
stands most often. Writes the speed of DDP at two ranks as a ratio, measured in turns; the bytes of
gradients and of the optimizer's memory that each rank holds under each strategy, counted from the
tensors after a step, as shares of those of one process; and how far the last losses differ. What
is offloaded lies in the processor's memory and is counted there: a card would hold none of it.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks._record import record
from ml_core.seed import generator, seed_all
from ml_core.tracking.run import NullRun
from ml_core.train import group
from ml_core.train.loop import FitOptions, fit
from ml_core.train.options import Ranks
from ml_core.train.ranks import run_ranks

WORDS, LENGTH, WIDTH, LAYERS = 16, 64, 256, 4
SHARDED = (("fsdp2", False), ("zero2", False), ("zero2", True))


class Reader(nn.Module):
    """Shapes: words (n, 64) -> odds (n, 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, batch_first=True)
            for _ in range(LAYERS)
        )
        self.most = nn.Linear(WIDTH, WORDS)

    def sharded_blocks(self) -> nn.ModuleList:
        return self.layers

    def forward(self, words: Tensor) -> Tensor:
        states = self.words(words)
        for layer in self.layers:
            states = layer(states)
        return self.most(states.mean(dim=1))


def learn(payload: dict[str, Any], run: NullRun) -> dict[str, Any]:
    """Train on this rank's share; return seconds of each step, bytes held and the last loss."""
    torch.set_num_threads(1)
    seed_all(run.seed)
    draws = generator(run.seed, "words")
    words = draws.integers(0, WORDS, (payload["steps"] * payload["batch"], LENGTH))
    most = np.array([np.bincount(row, minlength=WORDS).argmax() for row in words])
    times: list[float] = []
    held: list[float] = []

    def batches(_: int) -> Any:
        for start in range(0, len(words), payload["batch"]):
            times.append(time.perf_counter())
            rows = group.mine(np.arange(start, start + payload["batch"]))
            yield torch.from_numpy(words[rows]), torch.from_numpy(most[rows])
        times.append(time.perf_counter())

    hook = register_optimizer_step_post_hook(lambda one, *_: held.append(_bytes(one)))
    history = fit(
        Reader(), batches, lambda net, batch: nn.functional.cross_entropy(net(batch[0]), batch[1]),
        run=run, steps_per_epoch=payload["steps"],
        options=FitOptions(
            epochs=1, lr=1e-3, strategy=payload["strategy"], offload=payload["offload"]
        ),
    )  # fmt: skip
    hook.remove()
    most_held = max(group.gathered(torch.tensor([held[-1]])))
    group.leave_unless_first()
    return {
        "step_s": median(np.diff(times[1:]).tolist()),
        "bytes": float(most_held),
        "loss": history.epochs[-1]["loss"],
    }


def _bytes(optimizer: torch.optim.Optimizer) -> float:
    """Count what gradients and the optimizer's memory take on this rank."""
    tensors = [p.grad for p in optimizer.state if p.grad is not None]
    tensors += [
        value
        for memory in optimizer.state.values()
        for value in memory.values()
        if isinstance(value, Tensor)
    ]
    local = [t.to_local() if isinstance(t, DTensor) else t for t in tensors]
    return float(sum(t.numel() * t.element_size() for t in local))


def trained(
    strategy: str, n_ranks: int, *, steps: int, batch: int, seed: int, offload: bool = False
) -> dict[str, Any]:
    payload = {"strategy": strategy, "offload": offload, "steps": steps, "batch": batch}
    found: dict[str, Any] = run_ranks(
        "benchmarks.distributed:learn", payload, run=NullRun(seed), ranks=Ranks(here=n_ranks)
    )
    name = f"{strategy}{' offloaded' * offload}"
    print(f"{name:<16}{n_ranks} ranks  {found['step_s']:.3f} s a step  loss {found['loss']:.6f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    logging.getLogger("torch.distributed").setLevel(logging.ERROR)
    sizes = {"steps": args.steps, "batch": args.batch, "seed": args.seed}
    pairs = [
        (trained("single", 1, **sizes), trained("ddp", 2, **sizes)) for _ in range(args.rounds)
    ]
    alone = pairs[0][0]
    figures = {
        "ddp_speedup": median(one["step_s"] / two["step_s"] for one, two in pairs),
        "single_step_s": median(one["step_s"] for one, _ in pairs),
        "ddp_step_s": median(two["step_s"] for _, two in pairs),
        "parameters": sum(p.numel() for p in Reader().parameters()),
        "single_gradient_and_optimizer_mb": alone["bytes"] / 2**20,
        "final_loss_single": alone["loss"],
        "final_loss_difference_ddp": abs(pairs[0][1]["loss"] - alone["loss"]),
    }
    for strategy, offload in SHARDED:
        name = strategy + "_offload" * offload
        for n_ranks in (2, 4):
            found = trained(strategy, n_ranks, offload=offload, **sizes)
            figures[f"{name}_memory_ratio_{n_ranks}_ranks"] = found["bytes"] / alone["bytes"]
            figures[f"{name}_step_s_{n_ranks}_ranks"] = found["step_s"]
            difference = abs(found["loss"] - alone["loss"])
            figures[f"final_loss_difference_{name}_{n_ranks}_ranks"] = difference
    path = record("distributed", figures=figures, seeds=[args.seed], out=args.json)
    print(f"Figures: {path}")


if __name__ == "__main__":
    main()
