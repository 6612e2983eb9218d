"""Pictures that show the same are found, whatever their file, and across the parts of a split."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml_core.data.inspection.likeness import Picture, like_pictures, near_groups, print_of

PRINTS = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


def scene(seed: int) -> Image.Image:
    """A smooth picture, as of a part under light."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6)).astype(np.uint8)
    return Image.fromarray(coarse).resize((240, 200), Image.Resampling.BICUBIC)


def saved(image: Image.Image, form: str = "PNG", **how) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


def picture(number: int, data: bytes) -> Picture:
    return Picture(f"p{number}.png", (number,), print_of(data))


def test_a_copy_that_is_smaller_brighter_or_packed_harder_is_still_the_same():
    original = scene(1)
    copies = [
        original.resize((120, 100)), original.point(lambda v: min(255, v + 10)), original,
    ]  # fmt: skip
    data = [saved(scene(n)) for n in range(12)] + [saved(copy) for copy in copies]
    data.append(saved(original, "JPEG", quality=40))

    groups = near_groups([print_of(each) for each in data])

    assert groups == [[1, 12, 13, 14, 15]]


def test_an_even_ground_with_noise_is_one_picture():
    rng = np.random.default_rng(0)
    noisy = [Image.fromarray(rng.normal(120, 4, (300, 300)).astype(np.uint8)) for _ in range(3)]

    assert near_groups([print_of(saved(image)) for image in noisy]) == [[0, 1, 2]]


def bits_apart(one, other) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


@settings(max_examples=40, deadline=None)
@given(st.lists(PRINTS, max_size=12), st.lists(st.integers(0, 127), max_size=30), st.data())
def test_groups_are_those_of_comparing_each_with_each(prints, flips, data):
    """Banding leaves no pair out: near prints are made by turning bits of others around."""
    for flip in flips:
        if prints:
            first, second = data.draw(st.sampled_from(prints))
            turned = (
                (first ^ (1 << flip), second) if flip < 64 else (first, second ^ (1 << flip - 64))
            )
            prints.append(turned)
    parent = list(range(len(prints)))

    def root(at: int) -> int:
        return at if parent[at] == at else root(parent[at])

    for one, other in itertools.combinations(range(len(prints)), 2):
        if bits_apart(prints[one], prints[other]) <= 8:
            parent[root(other)] = root(one)
    expected = {}
    for at in range(len(prints)):
        expected.setdefault(root(at), []).append(at)

    found = near_groups(prints)

    assert sorted(found) == sorted(group for group in expected.values() if len(group) > 1)


def test_thousands_that_share_a_band_are_compared_in_little_memory():
    rng = np.random.default_rng(0)
    prints = [(int(n), 0) for n in rng.integers(0, 2**63, 1500)]
    prints.append((prints[7][0] ^ 0b101, 1))

    assert near_groups(prints) == [[7, 1500]]


def test_the_same_part_in_training_and_test_is_an_error():
    same = saved(scene(1))
    pictures = [picture(1, same), picture(2, saved(scene(2))), picture(3, same)]
    parts = {"p1.png": {0}, "p2.png": {1}, "p3.png": {2}}

    warned, crossing = like_pictures(pictures, "picture", parts)

    assert (warned.check, warned.n_rows, warned.rows) == ("like_pictures", 1, (1, 3))
    assert (crossing.check, crossing.severity) == ("same_in_parts", "error")
    assert "training, test" in crossing.message
    assert [f.check for f in like_pictures(pictures, "picture", {})] == ["like_pictures"]


@pytest.mark.parametrize("n", [0, 1])
def test_one_picture_is_like_no_other(n):
    assert like_pictures([picture(i, saved(scene(i))) for i in range(n)], "picture") == []
