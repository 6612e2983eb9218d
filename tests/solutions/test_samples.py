"""What the "try it" buttons take in, where it is drawn: the same each time, and small."""

from __future__ import annotations

import pytest

from solutions.casting import solution as casting
from solutions.vqa import solution as vqa


@pytest.mark.parametrize(
    ("solution", "most_bytes"),
    [(casting, 2**20), (vqa, 10 * 2**20)],
    ids=lambda value: getattr(value, "slug", ""),
)
def test_a_sample_is_the_same_each_time_and_small(solution, most_bytes, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()

    first, second = (solution.sample(folder).read_bytes() for folder in (one, other))

    assert first == second
    assert len(first) < most_bytes
