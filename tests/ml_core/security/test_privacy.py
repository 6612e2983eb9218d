"""DP-SGD: each unit's gradient is clipped and noised, and what it cost is counted honestly."""

import math
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ml_core.errors import ConfigError
from ml_core.security import privacy as module_under_test
from ml_core.security.privacy import CHUNK, Privacy
from ml_core.tracking.run import NullRun
from ml_core.train.loop import FitOptions, fit

pytest.importorskip("opacus")
N = 300


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 1))


def rows(n=N):
    draw = np.random.default_rng(0)
    x = torch.from_numpy(draw.normal(size=(n, 4)).astype(np.float32))
    return x, (x[:, :1] > 0).float()


def loss(net, batch):
    x, y = batch
    return functional.binary_cross_entropy_with_logits(net(x), y)


def one_step(private, net, data):
    """Draw, and put the gradient into the network."""
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    chosen = next(private.draws())
    picked = torch.from_numpy(chosen)
    private.gradients(net, loss, optimizer, tuple(t[picked] for t in data))
    return picked, torch.cat([p.grad.flatten() for p in net.parameters()])


def test_without_noise_and_bound_it_is_the_gradient_of_the_batch():
    net, data = network(), rows()
    private = Privacy(noise_multiplier=1e-9, max_grad_norm=1e6).plan(N, batch_size=150, epochs=1)

    picked, found = one_step(private, net, data)

    net.zero_grad()
    (loss(net, tuple(t[picked] for t in data)) * len(picked) / 150).backward()
    wanted = torch.cat([p.grad.flatten() for p in net.parameters()])
    assert len(picked) > CHUNK  # it took several parts
    assert torch.allclose(found, wanted, atol=1e-3)


def test_no_unit_moves_the_gradient_by_more_than_the_bound():
    net, (x, y) = network(), rows()
    x[7] *= 1e4
    bound = 0.5
    private = Privacy(noise_multiplier=1e-9, max_grad_norm=bound).plan(
        N, batch_size=N, epochs=1
    )  # everyone is drawn

    _, found = one_step(private, net, (x, y))
    alone = Privacy(noise_multiplier=1e-9, max_grad_norm=bound).plan(N - 1, batch_size=N, epochs=1)
    kept = torch.arange(N) != 7
    _, without = one_step(alone, net, (x[kept], y[kept]))

    assert (found * N - without * (N - 1)).norm() <= bound + 1e-2


def test_the_noise_is_as_large_as_it_is_said_and_differs_each_time():
    net, data = nn.Linear(4, 2000), rows()
    step = lambda n, b: 0.0 * n(b[0]).sum()  # noqa: E731  no gradient: what is left is noise
    found = []
    for _ in range(2):
        private = Privacy(noise_multiplier=3.0, max_grad_norm=2.0).plan(N, batch_size=30, epochs=1)
        picked = torch.from_numpy(next(private.draws()))
        torch.manual_seed(0)  # a seed of the run must not decide the noise
        private.gradients(
            net, step, torch.optim.SGD(net.parameters(), 1.0), tuple(t[picked] for t in data)
        )
        found.append(net.weight.grad.flatten().clone())

    assert float(found[0].std()) == pytest.approx(3.0 * 2.0 / 30, rel=0.05)
    assert not torch.allclose(found[0], found[1])


def test_units_are_drawn_each_by_itself():
    private = Privacy(noise_multiplier=1.0).plan(2000, batch_size=100, epochs=1)

    sizes, seen = [], np.zeros(2000)
    for _ in range(10):
        for chosen in private.draws():
            sizes.append(len(chosen))
            seen[chosen] += 1

    assert private.steps_per_epoch == 20
    assert len(set(sizes)) > 20  # a fixed size would be another sampling than is accounted for
    assert np.mean(sizes) == pytest.approx(100, rel=0.05)
    assert seen.min() < 10 < seen.max()


def test_a_step_on_a_batch_that_was_not_drawn_is_refused():
    net, data = network(), rows()
    private = Privacy(noise_multiplier=1.0).plan(N, batch_size=30, epochs=1)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)

    with pytest.raises(ConfigError, match="drawn for it"):
        private.gradients(net, loss, optimizer, data)

    picked, _ = one_step(private, net, data)
    with pytest.raises(ConfigError, match="once"):
        private.gradients(net, loss, optimizer, tuple(t[picked] for t in data))
    assert private.n_steps == 1


def test_a_step_without_any_unit_is_noise_and_is_paid_for():
    net, data = network(), rows()
    private = Privacy(noise_multiplier=1.0).plan(N, batch_size=1, epochs=1)
    private.rate = 0.0

    picked, found = one_step(private, net, data)

    assert len(picked) == 0
    assert float(found.norm()) > 0
    assert private.n_steps == 1


def test_a_batch_norm_is_refused():
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    private = Privacy(noise_multiplier=1.0).plan(N, batch_size=30, epochs=1)

    with pytest.raises(ConfigError, match="BatchNorm1d"):
        one_step(private, net, rows())


def trained(private, epochs=4, **more):
    net, data = network(), rows()

    def batches(epoch):
        for chosen in private.draws():
            picked = torch.from_numpy(chosen)
            yield tuple(t[picked] for t in data)

    options = FitOptions(epochs=epochs, lr=0.05, ema_decay=0.9)
    history = fit(
        net, batches, loss, run=NullRun(), options=options, privacy=private,
        steps_per_epoch=private.steps_per_epoch, **more,
    )  # fmt: skip
    return net, history


def test_a_private_training_learns_and_keeps_to_its_epsilon():
    private = Privacy(target_epsilon=8.0, delta=1e-4).plan(N, batch_size=60, epochs=12)

    net, history = trained(private, epochs=12)

    x, y = rows()
    assert private.n_steps == 12 * private.steps_per_epoch
    assert 7.5 < private.epsilon <= 8.0
    assert len(history.epochs) == 12
    assert ((net(x) > 0).float() == y).float().mean() > 0.8


def test_fewer_steps_than_planned_cost_less():
    private = Privacy(target_epsilon=4.0, delta=1e-4).plan(N, batch_size=60, epochs=8)

    assert private.epsilon == 0.0
    trained(private, epochs=2)

    assert 0 < private.epsilon < 3.0


def test_the_bound_is_that_of_the_gaussian_mechanism_where_everyone_is_drawn():
    """One step with everybody is the Gaussian mechanism, whose epsilon is known."""
    private = Privacy(noise_multiplier=4.0, delta=1e-5, accountant="prv").plan(
        N, batch_size=N, epochs=1
    )
    private.n_steps = 1

    def delta_of(epsilon, sigma=4.0):  # Balle and Wang, ICML 2018, theorem 8
        cdf = lambda t: 0.5 * math.erfc(-t / math.sqrt(2))  # noqa: E731
        a, b = 1 / (2 * sigma), epsilon * sigma
        return cdf(a - b) - math.exp(epsilon) * cdf(-a - b)

    assert delta_of(private.epsilon) <= 1e-5
    assert delta_of(private.epsilon - 0.05) > 1e-5


def test_a_training_that_goes_on_has_paid_for_what_was_before(tmp_path):
    file = tmp_path / "state.safetensors"
    first = Privacy(noise_multiplier=1.0, delta=1e-4).plan(N, batch_size=60, epochs=4)
    trained(first, checkpoint=file)
    second = Privacy(noise_multiplier=1.0, delta=1e-4).plan(N, batch_size=60, epochs=4)

    trained(second, checkpoint=file)

    assert second.n_steps == first.n_steps
    assert second.epsilon == first.epsilon
    other = Privacy(noise_multiplier=2.0, delta=1e-4).plan(N, batch_size=60, epochs=4)
    with pytest.raises(ConfigError, match="same options"):
        trained(other, checkpoint=file)


def test_the_card_tells_promise_unit_and_what_is_not_covered():
    private = Privacy(target_epsilon=4.0, delta=1e-4).plan(N, batch_size=60, epochs=1)
    trained(private, epochs=1)

    card = private.card(unit="one row", not_covered=["means"])

    assert card["epsilon"] == pytest.approx(private.epsilon, abs=1e-4)
    assert (card["delta"], card["unit"], card["units"]) == (1e-4, "one row", N)
    assert card["accountant"].startswith("RDP of Opacus 1.")
    assert card["not_covered"] == ["means"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"target_epsilon": 4.0, "noise_multiplier": 1.0}, "Give one"),
        ({}, "Give one"),
        ({"target_epsilon": -1.0}, "above 0"),
        ({"noise_multiplier": 1.0, "max_grad_norm": 0.0}, "above 0"),
        ({"noise_multiplier": 1.0, "delta": float("nan")}, "above 0"),
    ],
)
def test_a_promise_that_cannot_be_meant_is_refused(given, words):
    with pytest.raises(ConfigError, match=words):
        Privacy(**given)


def test_a_delta_that_promises_nothing_is_refused():
    with pytest.raises(ConfigError, match="below 1 / 300"):
        Privacy(noise_multiplier=1.0, delta=0.01).plan(N, batch_size=60, epochs=1)


def test_an_epsilon_that_no_noise_keeps_is_refused():
    with pytest.raises(ConfigError, match="some noise can keep"):
        Privacy(target_epsilon=1e-9).plan(N, batch_size=60, epochs=1)


def test_without_opacus_it_says_what_to_do(monkeypatch):
    def nothing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module_under_test, "version", nothing)

    with pytest.raises(ConfigError, match="make setup"):
        Privacy(noise_multiplier=1.0).plan(N, batch_size=60, epochs=1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_it_learns_privately_on_the_gpu():
    net, data = network().cuda(), tuple(t.cuda() for t in rows())
    private = Privacy(noise_multiplier=1.0).plan(N, batch_size=60, epochs=1)
    picked = torch.from_numpy(next(private.draws())).cuda()

    private.gradients(
        net, loss, torch.optim.SGD(net.parameters(), 1.0), tuple(t[picked] for t in data)
    )

    assert all(p.grad.is_cuda and p.grad.isfinite().all() for p in net.parameters())
