"""Work that the tests of ranks send to each of them, and do alone to compare."""

import os
import signal
import time
from pathlib import Path

import torch

from ml_core.errors import ModelError
from ml_core.seed import generator, seed_all
from ml_core.tracking.run import stop_if_cancelled
from ml_core.train import group
from ml_core.train.loop import FitOptions, fit

N, SIZE = 52, 8  # the last batch is smaller


class Net(torch.nn.Module):
    """Blocks in a list, norms over the batch, and perhaps a part that few batches use."""

    def __init__(self, *, moody):
        super().__init__()
        self.first = torch.nn.Linear(3, 8, bias=False)
        self.norm = torch.nn.BatchNorm1d(8)
        self.blocks = torch.nn.ModuleList(torch.nn.Linear(8, 8) for _ in range(2))
        self.seldom = torch.nn.Linear(3, 8, bias=False) if moody else None
        self.last = torch.nn.Linear(8, 1)

    def sharded_blocks(self):
        return self.blocks

    def forward(self, rows):
        x = self.norm(self.first(rows))
        for block in self.blocks:
            x = torch.tanh(block(x)) + x
        if self.seldom and (odd := rows[:, :1] > 1).any():
            x = x + odd * self.seldom(rows)
        return self.last(x)


def learn(payload, run):
    """Train the network as `payload` says, on this rank's rows; die or be slow if asked to."""
    torch.set_num_threads(1)
    seed_all(run.seed)
    rows = torch.tensor(generator(1, "rows").normal(size=(N, 3)), dtype=torch.float32)
    target = rows @ torch.tensor([[1.5], [-2.0], [0.5]])

    def batches(epoch):
        order = generator(5, "order", epoch).permutation(N)
        for start in range(0, N, SIZE):
            _disturb(payload, epoch, start, run)
            chosen = torch.from_numpy(group.mine(order[start : start + SIZE]))
            yield rows[chosen], target[chosen]

    def step(module, batch):
        loss = torch.nn.functional.mse_loss(module(batch[0]), batch[1])
        return loss * payload.get("shrunk", 1.0)

    def validate(module):
        with torch.no_grad():
            return {"error": float(torch.nn.functional.mse_loss(module(rows), target))}

    net = Net(moody=payload.get("moody", False))
    history = fit(
        net, batches, step, run=run, options=FitOptions(**payload["options"]),
        steps_per_epoch=-(-N // SIZE), validate=validate, monitor="error",
        checkpoint=run.checkpoint(payload.get("name", "network")),
        weigh=lambda batch: len(batch[0]),
    )  # fmt: skip
    end = validate(net.eval())["error"]
    if payload.get("leave", True):
        group.leave_unless_first()
    return {
        "losses": [row["loss"] for row in history.epochs],
        "errors": [row["error"] for row in history.epochs],
        "end": end,
        "weights": {name: tensor.flatten().tolist() for name, tensor in net.state_dict().items()},
        "n_ranks": group.n_ranks(),
    }


def learn_each(payload, run):
    """Train once for each of several payloads."""
    found = [learn(case | {"leave": False, "name": f"{i}"}, run) for i, case in enumerate(payload)]
    group.leave_unless_first()
    return found


def _disturb(payload, epoch, start, run):
    time.sleep(payload.get("pause_s", 0))
    mark = Path(payload.get("die_once", "/nowhere"))
    if group.rank() == 1 and epoch == 2 and start and mark.parent.is_dir() and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if payload.get("wrong_on") == group.rank():
        raise ModelError("This rank found something wrong.")
    if payload.get("breaks"):
        raise ZeroDivisionError("by nought")


def wait(payload, run):
    """Wait until somebody asks to stop."""
    run.log(f"pid {os.getpid()}")
    while True:
        stop_if_cancelled(run)
        time.sleep(0.02)
