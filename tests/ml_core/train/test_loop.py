"""The training loop, through `fit` alone."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from ml_core.errors import CancelledError, ConfigError, ModelError
from ml_core.seed import generator
from ml_core.tracking.run import NullRun
from ml_core.train import checkpoint, loop
from ml_core.train.loop import FitOptions, fit, rate_share

N, STEPS = 64, 4
WEIGHTS = torch.tensor([[1.5], [-2.0], [0.5]])


class Watch(NullRun):
    """A run that writes down what it is told, and cancels after some steps."""

    __slots__ = ("asked", "cancel_after", "metrics", "progressed")

    def __init__(self, cancel_after=None):
        super().__init__()
        for name, value in {
            "cancel_after": cancel_after,
            "metrics": [],
            "asked": [],
            "progressed": [],
        }.items():
            object.__setattr__(self, name, value)

    def metric(self, name, value, step=None):
        self.metrics.append((name, value, step))

    def progress(self, done, total, note=""):
        self.progressed.append((done, total))

    def cancelled(self):
        self.asked.append(1)
        return self.cancel_after is not None and len(self.progressed) >= self.cancel_after


def network():
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.Dropout(0.1), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1)
    )


def data():
    rows = torch.tensor(generator(1, "rows").normal(size=(N, 3)), dtype=torch.float32)
    return rows, rows @ WEIGHTS


def batches(epoch):
    rows, target = data()
    order = torch.tensor(generator(5, "order", epoch).permutation(N))
    return [(rows[part], target[part]) for part in order.chunk(STEPS)]


def squared(module, batch):
    return torch.nn.functional.mse_loss(module(batch[0]), batch[1])


def error(module):
    rows, target = data()
    with torch.no_grad():
        return {"error": float(torch.nn.functional.mse_loss(module(rows), target))}


def train(module, options, run=None, **more):
    more = {"steps_per_epoch": STEPS, "validate": error, "monitor": "error"} | more
    return fit(module, batches, squared, run=run or NullRun(), options=options, **more)


DOWN = {"higher_is_better": False, "lr": 0.05}


def test_it_learns_a_line():
    module = network()
    before = error(module.eval())["error"]

    history = train(module, FitOptions(epochs=30, **DOWN))

    assert history.stopped == "epochs"
    assert error(module.eval())["error"] < 0.05 * before


def test_it_leaves_the_best_weights_in_the_module():
    module = network()

    history = train(module, FitOptions(epochs=8, ema_decay=0.9, **DOWN))

    best = min(row["error"] for row in history.epochs)
    assert history.best_value == best == history.epochs[history.best_epoch - 1]["error"]
    assert error(module.eval())["error"] == pytest.approx(best, abs=1e-7)


def test_the_running_mean_of_the_weights_has_norms_of_its_own():
    """Figures of the last batch alone would not suit weights that are a mean over many."""
    norm = torch.nn.BatchNorm1d(1, momentum=1.0)  # so its own figures are those of the last batch
    parts = [torch.full((4, 1), value) for value in (0.0, 0.0, 0.0, 100.0)]

    fit(
        norm, lambda _: parts, lambda module, rows: module(rows).square().sum(), run=NullRun(),
        options=FitOptions(epochs=1, ema_decay=0.5), steps_per_epoch=len(parts),
    )  # fmt: skip

    assert 0 < float(norm.running_mean) < 100
    assert int(norm.num_batches_tracked) == len(parts)


def test_it_stops_when_patience_is_over():
    figures = iter([3.0, 1.0, 2.0, 2.0, 2.0, 0.5])

    history = train(
        network(),
        FitOptions(epochs=6, patience=2, **DOWN),
        validate=lambda _: {"error": next(figures)},
    )

    assert (history.stopped, len(history.epochs), history.best_epoch) == ("patience", 4, 2)


def test_a_figure_that_is_no_number_is_never_the_best():
    figures = iter([math.nan, 1.0, math.nan])

    history = train(
        network(), FitOptions(epochs=3, **DOWN), validate=lambda _: {"error": next(figures)}
    )

    assert (history.best_epoch, history.best_value) == (2, 1.0)


def test_it_stops_when_its_time_is_over():
    history = train(network(), FitOptions(epochs=10_000, max_seconds=0.2, **DOWN))

    assert history.stopped == "time"
    assert history.seconds < 5


@pytest.mark.parametrize(("max_seconds", "expected"), [(6 * STEPS, 6), (60 * STEPS, 10)])
def test_the_rate_falls_to_zero_when_time_ends_before_the_epochs(
    monkeypatch, max_seconds, expected
):
    now, asked = [0.0], []
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(loop, "rate_share", lambda *a: asked.append(rate_share(*a)) or asked[-1])

    def step(module, batch):
        now[0] += 1.0  # a second each
        return squared(module, batch)

    options = FitOptions(epochs=10, max_seconds=max_seconds, warmup_fraction=0.0)
    fit(network(), batches, step, run=NullRun(), options=options, steps_per_epoch=STEPS)

    assert len(asked) == expected * STEPS
    assert asked[0] == 1.0
    assert asked[-1] < 0.02
    if expected == 10:
        assert asked == [rate_share(n, 10 * STEPS, 0.0) for n in range(10 * STEPS)]


@pytest.mark.parametrize(
    "more", [{}, {"ema_decay": 0.9}, {"precision": "fp16"}, {"accumulate": 3}], ids=str
)
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, more):
    options = FitOptions(epochs=5, **more, **DOWN)
    whole = network()
    undisturbed = Watch()
    wanted = train(whole, options, undisturbed)
    steps = -(-STEPS // options.accumulate)
    cut = network()
    with pytest.raises(CancelledError):
        train(cut, options, Watch(cancel_after=2 * steps + 1), checkpoint=tmp_path / "state")
    fresh = network()
    torch.manual_seed(99)

    again = Watch()
    got = train(fresh, options, again, checkpoint=tmp_path / "state")

    assert got.epochs == wanted.epochs
    assert sorted(again.metrics) == sorted(undisturbed.metrics), "the curve has no beginning"
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, fresh.state_dict()[name]), name


def test_a_finished_checkpoint_gives_its_result_without_training(tmp_path):
    options = FitOptions(epochs=2, **DOWN)
    first, second = network(), network()
    train(first, options, checkpoint=tmp_path / "state")
    run = Watch()

    train(second, options, run, checkpoint=tmp_path / "state")

    assert run.progressed == []
    assert torch.equal(first[0].weight, second[0].weight)


def test_it_refuses_a_checkpoint_of_other_options(tmp_path):
    train(network(), FitOptions(epochs=1, **DOWN), checkpoint=tmp_path / "state")

    with pytest.raises(ConfigError, match="same options"):
        train(network(), FitOptions(epochs=2, **DOWN), checkpoint=tmp_path / "state")


def test_a_checkpoint_that_is_older_than_an_option_is_gone_on_from(tmp_path):
    options = FitOptions(epochs=1, **DOWN)
    first, again = network(), network()
    train(first, options, checkpoint=tmp_path / "state")
    saved = checkpoint.load(tmp_path / "state")
    del saved.facts["plan"]["options"]["offload"]
    checkpoint.save(saved, tmp_path / "state")

    train(again, options, checkpoint=tmp_path / "state")

    assert torch.equal(first[0].weight, again[0].weight)


def test_it_refuses_a_checkpoint_of_another_network(tmp_path):
    train(network(), FitOptions(epochs=1, **DOWN), checkpoint=tmp_path / "state")
    other = torch.nn.Linear(3, 1)

    with pytest.raises(ConfigError, match="same network"):
        train(other, FitOptions(epochs=1, **DOWN), checkpoint=tmp_path / "state")


def test_it_refuses_a_damaged_checkpoint(tmp_path):
    path = tmp_path / "state"
    train(network(), FitOptions(epochs=1, **DOWN), checkpoint=path)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(ModelError, match="Delete it"):
        train(network(), FitOptions(epochs=1, **DOWN), checkpoint=path)


def test_a_cancelled_training_stops_within_one_step():
    run = Watch(cancel_after=3)

    with pytest.raises(CancelledError):
        train(network(), FitOptions(epochs=5, **DOWN), run)

    assert len(run.progressed) == 3


def test_it_tells_of_every_step_and_every_epoch():
    run = Watch()

    train(network(), FitOptions(epochs=2, **DOWN), run)

    assert run.progressed == [(done, 2 * STEPS) for done in range(1, 2 * STEPS + 1)]
    assert [step for name, _, step in run.metrics if name == "error"] == [1, 2]
    assert [step for name, _, step in run.metrics if name == "batch_loss"] == list(range(1, 9))


def test_it_refuses_a_loss_that_is_no_number():
    def broken(module, batch):
        return module(batch[0]).sum() * float("nan")

    with pytest.raises(ModelError, match="step 1"):
        fit(
            network(),
            batches,
            broken,
            run=NullRun(),
            options=FitOptions(epochs=1),
            steps_per_epoch=STEPS,
        )


def test_it_refuses_an_unknown_figure_to_monitor():
    with pytest.raises(ConfigError, match="loss, error"):
        train(network(), FitOptions(epochs=1, **DOWN), monitor="acuracy")


@pytest.mark.parametrize(
    ("precision", "expected"), [("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_it_computes_in_the_precision_that_was_asked_for(precision, expected):
    seen = []

    def look(module, batch):
        out = module(batch[0])
        seen.append(out.dtype)
        return out.float().square().mean()

    fit(
        network(),
        batches,
        look,
        run=NullRun(),
        options=FitOptions(epochs=1, precision=precision),
        steps_per_epoch=STEPS,
    )

    assert set(seen) == {expected}


def test_the_rate_rises_then_falls_to_zero():
    shares = [rate_share(step, 100, 0.1) for step in range(101)]

    assert shares[0] == pytest.approx(0.1)
    assert shares[9] == shares[10] == 1.0
    assert np.all(np.diff(shares[10:]) < 0)
    assert shares[100] == pytest.approx(0)


def test_fp16_finds_gradients_that_are_smaller_than_its_smallest_number():
    weight = torch.nn.Linear(1, 1, bias=False)
    before = weight.weight.detach().clone()

    def step(module, batch):
        return (module(batch) * 1e-5).float().sum() * 1e-5  # 1e-10 in all: zero in fp16, unscaled

    options = FitOptions(
        epochs=1, precision="fp16", lr=0.1, warmup_fraction=0, weight_decay=0, schedule="constant"
    )
    fit(
        weight, lambda _: [torch.ones(1, 1)] * 3, step, run=NullRun(), options=options,
        steps_per_epoch=3,
    )  # fmt: skip

    assert not torch.equal(weight.weight, before)


def test_fp16_leaves_out_a_step_whose_gradient_overflows(tmp_path):
    weight = torch.nn.Linear(1, 1, bias=False)
    before = weight.weight.detach().clone()

    fit(
        weight, lambda _: [torch.ones(1, 1)], lambda module, rows: module(rows).float().sum() * 1e4,
        run=NullRun(), options=FitOptions(epochs=1, precision="fp16"), steps_per_epoch=1,
        checkpoint=tmp_path / "state",
    )  # fmt: skip

    assert torch.equal(weight.weight, before)
    assert checkpoint.load(tmp_path / "state").facts["scaler"]["scale"] == 2**15


def test_batches_that_make_one_step_learn_as_one_large_batch_does():
    def net():
        torch.manual_seed(3)
        return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))

    def parts(epoch):  # of different sizes, the last step of an epoch of fewer batches
        rows, target = data()
        edges = [0, 5, 16, 20, 31, 64]
        return [(rows[a:b], target[a:b]) for a, b in pairwise(edges)]

    def joined(epoch):
        all_parts = parts(epoch)
        return [
            tuple(torch.cat(pair) for pair in zip(*all_parts[i : i + 2], strict=True))
            for i in range(0, 5, 2)
        ]

    small, large = net(), net()
    options = {"epochs": 4, "warmup_fraction": 0.2, "clip_norm": 0.5, "ema_decay": 0.5}
    cut = fit(
        small, parts, squared, run=NullRun(), options=FitOptions(accumulate=2, **options),
        steps_per_epoch=5, weigh=lambda batch: len(batch[0]),
    )  # fmt: skip
    whole = fit(
        large, joined, squared, run=NullRun(), options=FitOptions(**options), steps_per_epoch=3
    )

    losses = [[row["loss"] for row in history.epochs] for history in (cut, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for name, tensor in small.state_dict().items():
        torch.testing.assert_close(tensor, large.state_dict()[name], rtol=1e-5, atol=1e-6)


def test_the_rate_falls_along_a_line_or_stays():
    line = [rate_share(step, 100, 0.1, "linear") for step in range(101)]
    level = [rate_share(step, 100, 0.1, "constant") for step in range(101)]

    assert np.diff(line[10:]) == pytest.approx(-1 / 90)
    assert (line[100], level[9:]) == (0, [1.0] * 92)
    assert line[:10] == level[:10]
