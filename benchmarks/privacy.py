"""What a loss tells of who was learnt from, without privacy and with it.

    python benchmarks/privacy.py [--seeds 0,1,2,3,4] [--members 600] [--epsilon 4]

Payments of the simulated world, as many frauds as genuine ones, are dealt at random to members and
others. A small network learns the members by heart, and another of the same form learns them by
DP-SGD. Then each is attacked by a threshold on the loss (`ml_core.security.membership`). Members
and others differ in nothing but that, so an advantage is what the network gives away. Accuracy is
that on the others, which neither network has seen. Figures are means over the seeds; the bounds
are means of the bounds.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._record import record
from ml_core.security.membership import attack
from ml_core.security.privacy import Privacy, PrivateSteps
from ml_core.seed import generator, seed_all
from ml_core.tracking.run import NullRun
from ml_core.train.loop import FitOptions, fit
from solutions.fraud.features import compute
from solutions.fraud.ledger import Ledger
from solutions.fraud.options import DAY
from solutions.fraud.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_core.security.membership import Attack

DELTA = 1e-4
EPOCHS = {"plain": 120, "private": 40}
BATCH = {"plain": 64, "private": 150}


@dataclass(frozen=True, slots=True)
class Rows:
    """Payments as rows of features, with labels. Shapes: (n, f), (n,)."""

    table: torch.Tensor
    label: torch.Tensor

    def __len__(self) -> int:
        return len(self.label)

    def of(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        picked = torch.from_numpy(rows)
        return self.table[picked], self.label[picked]


def deal(n: int, seed: int) -> tuple[Rows, Rows]:
    """Deal payments to members and others, n each, half of them frauds."""
    frame = simulate(900, 400, 120, trouble=6.0, seed=seed)
    facts = compute(Ledger.of(frame), 7 * DAY, NullRun())
    label = facts.ledger.fraud > 0
    draw = generator(seed, "deal")
    picked = [draw.permutation(np.flatnonzero(label == kind))[:n] for kind in (True, False)]
    if min(map(len, picked)) < n:
        raise SystemExit(
            f"There must be {n} frauds and as many others. Got {list(map(len, picked))}."
        )
    table = facts.table[np.concatenate(picked)]
    level = np.clip((table - table.mean(0)) / np.maximum(table.std(0), 1e-3), -5, 5)
    half = np.arange(2 * n) % n < n // 2
    return tuple(
        Rows(
            torch.from_numpy(level[which].astype(np.float32)),
            torch.from_numpy(np.repeat([1.0, 0.0], n)[which].astype(np.float32)),
        )
        for which in (half, ~half)
    )


def network(n_features: int) -> nn.Module:
    """Make a network that is large enough to learn some hundred rows by heart."""
    return nn.Sequential(
        nn.Linear(n_features, 128), nn.SiLU(), nn.Linear(128, 64), nn.SiLU(), nn.Linear(64, 1)
    )


def loss(module: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return the mean loss."""
    table, label = batch
    return functional.binary_cross_entropy_with_logits(module(table).squeeze(-1), label)


def learn(rows: Rows, seed: int, steps: PrivateSteps | None) -> nn.Module:
    """Learn the rows, privately if there are private steps."""
    seed_all(seed)
    module = network(rows.table.shape[1])
    kind = "plain" if steps is None else "private"

    def batches(epoch: int) -> Iterator[tuple[torch.Tensor, ...]]:
        order = generator(seed, "batches", epoch).permutation(len(rows))
        parts = np.array_split(order, len(rows) // BATCH[kind])
        yield from map(rows.of, parts if steps is None else steps.draws())

    fit(
        module, batches, loss, run=NullRun(), privacy=steps,
        options=FitOptions(epochs=EPOCHS[kind], lr=2e-3, weight_decay=0.0),
        steps_per_epoch=len(rows) // BATCH[kind] if steps is None else steps.steps_per_epoch,
    )  # fmt: skip
    return module.eval()


def losses(module: nn.Module, rows: Rows) -> np.ndarray:
    """Return the loss of each row."""
    with torch.no_grad():
        odds = module(rows.table).squeeze(-1)
        each = functional.binary_cross_entropy_with_logits(odds, rows.label, reduction="none")
        return each.double().numpy()


def accuracy(module: nn.Module, rows: Rows) -> float:
    """Return the share of rows that are judged right."""
    with torch.no_grad():
        return float(((module(rows.table).squeeze(-1) > 0) == (rows.label > 0.5)).float().mean())


def attacked(module: nn.Module, members: Rows, others: Rows, seed: int) -> Attack:
    """Attack a network."""
    return attack(losses(module, members), losses(module, others), seed=seed)


def once(n: int, epsilon: float, seed: int) -> dict[str, float]:
    """Deal, learn both ways, and attack both."""
    members, others = deal(n, seed)
    privacy = Privacy(target_epsilon=epsilon, delta=DELTA)
    steps = privacy.plan(len(members), batch_size=BATCH["private"], epochs=EPOCHS["private"])
    found: dict[str, float] = {}
    for kind, private in (("plain", None), ("private", steps)):
        began = time.perf_counter()
        module = learn(members, seed, private)
        found[f"train_{kind}_s"] = time.perf_counter() - began
        result = attacked(module, members, others, seed).advantage
        found |= {
            f"membership_advantage_{kind}": result.value,
            f"membership_advantage_{kind}_low": result.low,
            f"membership_advantage_{kind}_high": result.high,
            f"accuracy_{kind}": accuracy(module, others),
            f"accuracy_{kind}_on_members": accuracy(module, members),
        }
    return found | {"epsilon": steps.epsilon, "noise_multiplier": steps.noise_multiplier}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--members", type=int, default=600, help="and as many others")
    parser.add_argument("--epsilon", type=float, default=4.0)
    parser.add_argument("--json", type=Path, help="where to write instead")
    asked = parser.parse_args()
    torch.set_num_threads(1)  # the network is too small to be shared out
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    runs = [once(asked.members, asked.epsilon, seed) for seed in seeds]
    figures = {name: mean(run[name] for run in runs) for name in runs[0]}
    figures |= {"delta": DELTA, "n_members": asked.members}
    print("\n".join(f"{name:38} {value:.4g}" for name, value in figures.items()))
    record("privacy", seeds=seeds, figures=figures, out=asked.json)


if __name__ == "__main__":
    main()
