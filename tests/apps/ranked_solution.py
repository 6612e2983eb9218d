"""The tiny solution, with a network that several processes may train together."""

from __future__ import annotations

import torch

from ml_core.train import group
from ml_core.train.loop import FitOptions, fit
from solutions.learning import TogetherOptions
from tests.apps.tiny_solution import Tiny, TinyOptions


class RankedOptions(TinyOptions, TogetherOptions):
    pass


class Ranked(Tiny):
    @property
    def options(self):
        return RankedOptions

    def train(self, data, options, run, out):
        amounts = data.train.targets["amount"].to_numpy()

        def batches(epoch):
            yield torch.tensor(group.mine(amounts), dtype=torch.float32).unsqueeze(1)

        fit(
            torch.nn.Linear(1, 1), batches, lambda module, rows: module(rows / 100).square().mean(),
            run=run, options=FitOptions(epochs=2, strategy=options.strategy), steps_per_epoch=1,
            weigh=len, checkpoint=run.checkpoint("network"),
        )  # fmt: skip
        run.metric("ranks", group.n_ranks())
        group.leave_unless_first()
        return super().train(data, options, run, out)


solution = Ranked()
