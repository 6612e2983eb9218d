"""Shifts are measured by their size, and are the same whichever way the rows are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from ml_core.evaluate.drift import psi, shift_of_categories, shift_of_numbers

COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=20)


def test_psi_is_that_of_a_worked_example():
    """Ten per cent moved from one bin to the other, so many rows that half of one is nothing."""
    found = psi([500_000, 500_000], [400_000, 600_000])

    assert found == pytest.approx(-0.1 * np.log(0.4 / 0.5) + 0.1 * np.log(0.6 / 0.5), rel=1e-4)


@given(COUNTS)
def test_psi_of_the_same_is_nothing_and_of_another_never_less(counts):
    assert psi(counts, counts) == pytest.approx(0)
    assert psi(counts, counts[::-1]) >= -1e-12


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100), st.floats(-3, 3))
def test_the_distance_of_numbers_is_that_of_scipy_and_grows_with_the_shift(seed, by):
    rng = np.random.default_rng(seed)
    old, new = rng.normal(size=500), rng.normal(size=500) + by

    found = shift_of_numbers(old, new)

    assert found.effect == pytest.approx(ks_2samp(old, new).statistic)
    further = shift_of_numbers(old, new + np.sign(by or 1) * 10)
    assert further.effect == 1
    assert further.psi > found.psi


def test_a_million_rows_make_a_tiny_shift_significant_but_not_large():
    rng = np.random.default_rng(1)
    old, new = rng.normal(size=200_000), rng.normal(size=200_000) + 0.03

    found = shift_of_numbers(old, new)

    assert found.p < 1e-6
    assert found.psi < 0.01
    assert found.effect < 0.05


def test_a_constant_that_becomes_another_is_a_large_shift():
    found = shift_of_numbers(np.full(100, 5.0), np.full(100, 4.0))

    assert found.psi > 1
    assert found.effect == 1


def test_categories_are_told_apart_by_cramers_v():
    same = shift_of_categories({"a": 60, "b": 40}, {"a": 600, "b": 400})
    other = shift_of_categories({"a": 100}, {"b": 100})

    assert (same.effect, same.p) == (0, 1)
    assert other.effect == pytest.approx(1)
    assert other.psi > 1


def test_where_there_is_nothing_nothing_is_compared():
    assert shift_of_numbers([], [1.0]) is None
    assert shift_of_categories({"a": 1}, {}) is None
    assert shift_of_categories({"a": 1}, {"a": 9}).psi == 0
