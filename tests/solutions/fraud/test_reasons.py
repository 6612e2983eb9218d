"""Reasons in words say something, however small a figure is."""

from __future__ import annotations

import pytest

from solutions.fraud.reasons import factor_in_words


@pytest.mark.parametrize(
    ("factor", "words"), [(1234.56, "1,234.6"), (1.0, "1.0"), (0.42, "0.4"), (0.0083, "0.008")]
)
def test_a_factor_is_never_written_as_nothing(factor, words):
    assert factor_in_words(factor) == words
