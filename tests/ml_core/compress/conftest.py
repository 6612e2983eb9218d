"""A network that has learnt once for all tests of compression."""

from __future__ import annotations

import copy

import pytest
import torch

from tests.ml_core.compress.shapes import SmallNetwork, learn, pictures


@pytest.fixture(scope="session")
def _learnt():
    torch.manual_seed(0)
    network = SmallNetwork()
    learn(network, *pictures(512, seed=0))
    return network


@pytest.fixture
def learnt(_learnt):
    """A copy of a network that tells stripes apart."""
    return copy.deepcopy(_learnt)
