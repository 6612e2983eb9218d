"""Suppression by its definition, and what the door refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.nms import nms


def overlap(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    area = sum(max(b[2] - b[0], 0) * max(b[3] - b[1], 0) for b in (one, other))
    return shared, area - shared


@st.composite
def tables(draw):
    n = draw(st.integers(0, 25))
    corners = st.tuples(*[st.integers(0, 12)] * 4)
    rows = draw(st.lists(corners, min_size=n, max_size=n))
    scores = draw(st.lists(st.sampled_from([0.1, 0.5, 0.5, 0.9]), min_size=n, max_size=n))
    classes = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    return (
        np.array(rows, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(classes, np.int64),
    )


@settings(derandomize=True, deadline=None, max_examples=200)
@given(tables(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_a_box_stays_exactly_if_no_surer_kept_one_of_its_class_overlaps_it(table, least):
    boxes, scores, classes = table

    kept = nms(*table, overlap=least, device="cpu").tolist()

    rank = {row: (-scores[row], row) for row in range(len(boxes))}
    assert kept == sorted(kept, key=rank.get)
    for row in range(len(boxes)):
        surer = [k for k in kept if rank[k] < rank[row] and classes[k] == classes[row]]
        pairs = [overlap(boxes[k].tolist(), boxes[row].tolist()) for k in surer]
        assert (row in kept) == (not any(shared > least * both for shared, both in pairs))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(tables(), st.integers(1, 5))
def test_fewer_boxes_are_the_surest_of_more(table, most):
    np.testing.assert_array_equal(
        nms(*table, most=most, device="cpu"), nms(*table, device="cpu")[:most]
    )


BOX = np.array([[0, 0, 1, 1]], np.float32)
ONE = np.ones(1, np.float32)
KIND = np.zeros(1, np.int64)


@pytest.mark.parametrize(
    ("arguments", "more", "said"),
    [
        ((BOX[:, :3], ONE, KIND), {}, "shape"),
        ((np.asfortranarray(BOX.repeat(2, 0)), ONE.repeat(2), KIND.repeat(2)), {}, "gaps"),
        ((BOX, np.ones(2, np.float32), np.zeros(2, np.int64)), {}, "for each box"),
        ((BOX * np.nan, ONE, KIND), {}, "NaN|beyond"),
        ((BOX * np.inf, ONE, KIND), {}, "beyond|NaN"),
        ((BOX, ONE * np.nan, KIND), {}, "NaN"),
        ((BOX, ONE, KIND), {"overlap": 1.5}, "overlap"),
        ((BOX, ONE, KIND), {"most": 0}, "most"),
    ],
)
def test_the_door_refuses_with_a_reason(arguments, more, said):
    with pytest.raises(ValueError, match=said):
        nms(*arguments, **more)


def test_the_door_refuses_other_types():
    with pytest.raises(TypeError, match="float32"):
        nms(BOX.astype(np.float64), ONE, KIND)
