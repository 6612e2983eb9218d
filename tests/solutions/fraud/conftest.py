"""A small simulated world, and a model that was trained on it once."""

from __future__ import annotations

import pytest

from ml_core.tracking.run import NullRun
from solutions.api import TableBatch
from solutions.fraud import solution
from solutions.fraud.options import FraudOptions
from solutions.fraud.simulate import simulate

QUICK = FraudOptions(epochs=1, hidden=16, neighbours=6)


@pytest.fixture(scope="package")
def world():
    """Sixty days of payments; read it, never change it."""
    return simulate(120, 60, 60, trouble=4.0, seed=1)


@pytest.fixture(scope="package")
def trained(world, tmp_path_factory):
    """What a quick training leaves."""
    out = tmp_path_factory.mktemp("bundle")
    split = solution.split(TableBatch(world), QUICK, 0)
    return solution.train(split, QUICK, NullRun(), out)


@pytest.fixture(scope="package")
def predictor(trained):
    """The trained model, loaded."""
    return solution.load(trained.bundle, "cpu")
