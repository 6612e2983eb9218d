"""The attack finds members where they can be told, and no more than chance where they cannot."""

import numpy as np
import pytest

from ml_core.errors import DataError
from ml_core.security.membership import attack, best_threshold

DRAW = np.random.default_rng(0)


def test_losses_of_one_kind_give_no_advantage():
    """The threshold is chosen on other examples than those it is measured on."""
    found = [
        attack(DRAW.exponential(size=200), DRAW.exponential(size=200), seed=s, n_draws=20)
        for s in range(30)
    ]

    assert np.mean([one.advantage.value for one in found]) == pytest.approx(0.0, abs=0.04)


def test_an_advantage_that_is_known_is_found():
    """Members lose 0 to 1, others 0.5 to 1.5: half of either can be told apart."""
    found = attack(DRAW.uniform(0, 1, 4000), DRAW.uniform(0.5, 1.5, 4000))

    assert found.advantage.value == pytest.approx(0.5, abs=0.05)
    assert found.advantage.low < 0.5 < found.advantage.high
    assert found.advantage.value == pytest.approx(found.found - found.accused)


def test_examples_that_were_learnt_by_heart_are_all_found():
    found = attack(np.zeros(50), np.ones(60))

    assert (found.advantage.value, found.found, found.accused) == (1.0, 1.0, 0.0)


def test_it_is_the_same_again_for_the_same_seed():
    members, others = DRAW.exponential(size=100), DRAW.exponential(1.5, size=100)

    assert attack(members, others, seed=3) == attack(members, others, seed=3)


def test_equal_losses_are_called_alike():
    assert best_threshold(np.array([1.0, 1.0, 1.0]), np.array([1.0, 2.0])) == 1.0


@pytest.mark.parametrize("losses", [[0.1] * 5, [float("nan")] * 50, np.zeros((30, 2))])
def test_what_cannot_be_attacked_is_refused(losses):
    with pytest.raises(DataError, match="members"):
        attack(losses, [0.1] * 50)
