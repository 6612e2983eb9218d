"""Randomness from one seed, and devices that are really there."""

import random

import numpy as np
import pytest
import torch

from ml_core import device
from ml_core.errors import DeviceError
from ml_core.seed import generator, seed_all


def draws():
    return random.random(), np.random.rand(), float(torch.rand(1))  # noqa: NPY002, S311  the globals


def test_the_same_seed_gives_the_same_draws_everywhere():
    seed_all(5)
    first = draws()

    seed_all(5)

    assert draws() == first


def test_a_generator_belongs_to_its_seed_and_purpose():
    wanted = generator(1, "batches", 3).random()

    assert generator(1, "batches", 3).random() == wanted
    others = [generator(2, "batches", 3), generator(1, "order", 3), generator(1, "batches", 4)]
    assert wanted not in [other.random() for other in others]


@pytest.fixture
def no_driver(monkeypatch):
    monkeypatch.setattr(device, "has_cuda", lambda: False)


def test_auto_takes_the_cpu_where_there_is_nothing_else(no_driver):
    assert device.resolve("auto") == "cpu"
    assert device.pick_device("auto") == torch.device("cpu")


def test_a_device_that_is_not_there_is_refused(no_driver):
    with pytest.raises(DeviceError, match='Use "cpu" or "auto"'):
        device.pick_device("cuda")


def test_auto_takes_cuda_where_there_is_a_driver(monkeypatch):
    monkeypatch.setattr(device, "has_cuda", lambda: True)

    assert device.resolve("auto") == "cuda"
    assert device.resolve("cpu") == "cpu"


def test_the_driver_is_asked_and_agrees_with_torch():
    assert device.has_cuda() == torch.cuda.is_available()
