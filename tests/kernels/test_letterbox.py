"""Letterboxing beside another library, its way back, and what the door refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kernels.letterbox import letterbox, place

SIDES = st.integers(1, 40)


@st.composite
def pictures(draw):
    shape = draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    return np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (*shape, 3), np.uint8)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(pictures(), SIDES)
def test_it_is_what_pillow_scales_but_for_its_rounding(picture, side):
    placed = place(*picture.shape[:2], side)
    size = (placed.width, placed.height)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))

    square = letterbox(picture, side, device="cpu")

    rows = slice(placed.top, placed.top + placed.height)
    columns = slice(placed.left, placed.left + placed.width)
    inside = square[:, rows, columns].transpose(1, 2, 0) * 255
    assert np.abs(inside - small).max() <= 1.02  # it rounds twice


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(1, 60), st.integers(1, 60), SIDES, st.integers(0, 255))
def test_one_colour_stays_and_the_rest_is_filled(height, width, side, fill):
    picture = np.full((height, width, 3), 200, np.uint8)

    square = letterbox(picture, side, fill=fill, device="cpu")

    placed = place(height, width, side)
    expected = np.full((side, side), fill / 255)
    expected[placed.top :, placed.left :][: placed.height, : placed.width] = 200 / 255
    np.testing.assert_allclose(square, np.stack([expected] * 3), atol=1e-6)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 700))
def test_a_picture_lies_whole_in_its_square_and_touches_it(height, width, side):
    placed = place(height, width, side)

    assert max(placed.height, placed.width) == side
    assert min(placed.top, placed.left) == 0
    assert placed.top + placed.height <= side
    assert placed.left + placed.width <= side
    assert placed.scale == pytest.approx(side / max(height, width))


def test_a_bright_point_lands_where_the_placement_says():
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[30, 10] = 255

    square = letterbox(picture, 40, fill=0, device="cpu")

    placed = place(40, 80, 40)
    y, x = np.unravel_index(square[0].argmax(), square[0].shape)
    assert (y, x) == (placed.top + 15, placed.left + 5)


DOT = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    ("picture", "more", "said"),
    [
        (DOT[..., :2], {}, "shape"),
        (DOT[..., 0], {}, "shape"),
        (DOT[:, ::2].repeat(2, 0)[::2], {}, "gaps"),
        (DOT, {"side": 0}, "side"),
        (DOT, {"side": 20_000}, "side"),
        (DOT, {"fill": 256}, "fill"),
    ],
)
def test_the_door_refuses_with_a_reason(picture, more, said):
    with pytest.raises(ValueError, match=said):
        letterbox(picture, **{"side": 4, **more})


def test_the_door_refuses_other_types():
    with pytest.raises(TypeError, match="uint8"):
        letterbox(DOT.astype(np.float32), 4)
    with pytest.raises(TypeError, match="whole number"):
        letterbox(DOT, 4.5)
