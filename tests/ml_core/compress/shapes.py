"""A picture task that a small network learns in a second: where is the bright stripe?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml_core.evaluate.intervals import Interval
from ml_core.runtime.export import to_onnx
from ml_core.runtime.parity import compare
from ml_core.runtime.session import Session
from ml_core.tracking.run import NullRun
from ml_core.train.loop import FitOptions, fit

SIDE, CLASSES = 16, 4


class SmallNetwork(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width),
            nn.ReLU6(),
        )  # fmt: skip
        self.answer = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.answer(self.features(x).amax(dim=(2, 3)))
        return found


def pictures(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise with a stripe: across, down, or slanting either way."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 1, SIDE, SIDE, generator=draw) * 0.3
    y = torch.randint(CLASSES, (n,), generator=draw)
    place = torch.randint(3, 10, (n, 2), generator=draw)
    steps = [(0, 1), (1, 0), (1, 1), (1, -1)]
    for row in range(n):
        down, right = steps[int(y[row])]
        top, left = int(place[row, 0]), int(place[row, 1])
        for i in range(4):
            x[row, 0, top + down * i, left + right * (i - 2)] += 2.0
    return x, y


def learn(network: nn.Module, x: Tensor, y: Tensor, epochs: int = 6, lr: float = 1e-2) -> None:
    def batches(epoch: int):
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(epoch))
        yield from ((x[rows], y[rows]) for rows in order.split(64))

    def step(module, batch):
        return functional.cross_entropy(module(batch[0]), batch[1])

    fit(
        network, batches, step, run=NullRun(), options=FitOptions(epochs=epochs, lr=lr),
        steps_per_epoch=-(-len(x) // 64),
    )  # fmt: skip


def accuracy(network: nn.Module, x: Tensor, y: Tensor) -> float:
    network.eval()
    with torch.no_grad():
        return float((network(x).argmax(dim=1) == y).float().mean())


class StripeRecipe:
    """The recipe of the pipeline for this task."""

    outputs = ("odds",)
    higher_is_better = True
    n_in_float = 0

    def __init__(self) -> None:
        self.x, self.y = pictures(512, seed=0)
        self.test = pictures(256, seed=1)
        self.examples = {"x": self.x[:4]}

    def free(self, network):
        return [network.features[0], network.features[3]]

    def learn(self, network, seconds, run):
        learn(network, self.x, self.y, epochs=2, lr=2e-3)

    def teach(self, teacher, network, seconds, run):
        learn(network, self.x, self.y, epochs=2, lr=2e-3)

    def samples(self):
        return ({"x": self.x[i : i + 1]} for i in range(32))

    def export(self, network, path):
        to_onnx(network, self.examples, path, outputs=self.outputs)
        compare(network, path, self.examples)

    def measure(self, path):
        x, y = self.test
        told = Session(path, "cpu", threads=2).run({"x": x.numpy()})["odds"]
        share = float((told.argmax(axis=1) == y.numpy()).mean())
        return Interval(share, share - 0.05, share + 0.05)
