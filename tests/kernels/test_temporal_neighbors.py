"""Temporal neighbours by brute force, no look into the future, and what the door refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels._dispatch import has_cuda
from kernels.temporal_neighbors import temporal_neighbors
from ml_core.errors import DeviceError


@st.composite
def columns(draw, n, known):
    """Draw entities and times of n rows."""
    entity = draw(st.lists(st.sampled_from(known), min_size=n, max_size=n))
    time = draw(st.lists(st.integers(-15, 15), min_size=n, max_size=n))
    return np.array(entity, np.int64), np.array(time, np.int64)


@st.composite
def questions(draw):
    far = st.integers(-(2**63), 2**63 - 1)
    known = draw(st.lists(st.integers(0, 3) | far, min_size=1, max_size=4))
    events = draw(columns(draw(st.integers(0, 30)), known))
    strangers = [*known, 9, -(2**63), 2**63 - 1]
    return events, draw(columns(draw(st.integers(0, 10)), strangers))


def brute_force(events, asked, k, delay):
    answers = []
    for entity, moment in zip(*(column.tolist() for column in asked), strict=True):
        known = [
            (time, row)
            for row, (other, time) in enumerate(zip(*(c.tolist() for c in events), strict=True))
            if other == entity and (time < moment if delay == 0 else time <= moment - delay)
        ]
        newest = [row for _, row in sorted(known, reverse=True)][:k]
        answers.append(newest + [-1] * (k - len(newest)))
    return np.array(answers, np.int64).reshape(-1, k)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(questions(), st.integers(1, 6), st.integers(0, 8))
def test_it_is_what_a_search_through_all_rows_finds(table, k, delay):
    events, asked = table

    found = temporal_neighbors(
        *events, k, delay=delay, query_entity=asked[0], query_time=asked[1], device="cpu"
    )

    np.testing.assert_array_equal(found, brute_force(events, asked, k, delay))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(questions(), st.integers(1, 4), st.integers(0, 8))
def test_events_ask_for_themselves_by_default(table, k, delay):
    events, _ = table

    found = temporal_neighbors(*events, k, delay=delay, device="cpu")

    np.testing.assert_array_equal(found, brute_force(events, events, k, delay))


def of_one(time, k, **options):
    time = np.array(time, np.int64)
    return temporal_neighbors(np.zeros(len(time), np.int64), time, k, device="cpu", **options)


def test_the_newest_comes_first_and_minus_one_fills_up():
    assert of_one([1, 2, 3], 2).tolist() == [[-1, -1], [0, -1], [1, 0]]


def test_events_of_one_moment_do_not_see_each_other():
    assert of_one([5, 5, 6], 3).tolist() == [[-1] * 3, [-1] * 3, [1, 0, -1]]


def test_an_event_as_old_as_the_delay_is_known():
    assert of_one([0, 6, 7, 8], 1, delay=7).tolist() == [[-1], [-1], [0], [0]]


def test_a_delay_of_one_is_strictly_before():
    time = np.random.default_rng(1).integers(0, 30, 200)

    np.testing.assert_array_equal(of_one(time, 4, delay=1), of_one(time, 4))


def test_times_may_span_the_whole_range():
    assert of_one([-(2**62), 2**62], 1, delay=2**62).tolist() == [[-1], [0]]


def test_a_stranger_has_no_neighbours():
    events, nobody = np.zeros(4, np.int64), np.array([2**63 - 1, -1, 5000])

    found = temporal_neighbors(
        events, np.arange(4), 2, query_entity=nobody, query_time=np.full(3, 99), device="cpu"
    )

    assert (found == -1).all()


def test_no_events_and_no_queries():
    nothing, some = np.empty(0, np.int64), np.zeros(2, np.int64)

    for device in ("cpu", "reference", "auto"):
        ask = {"device": device}
        assert temporal_neighbors(nothing, nothing, 3, **ask).shape == (0, 3)
        found = temporal_neighbors(nothing, nothing, 3, query_entity=some, query_time=some, **ask)
        assert found.tolist() == [[-1] * 3] * 2
        found = temporal_neighbors(some, some, 3, query_entity=nothing, query_time=nothing, **ask)
        assert found.shape == (0, 3)


ROWS = np.zeros(3, np.int64)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"k": 0}, ValueError, r"`k` must be from 1 to .* Got 0"),
        ({"k": -1}, ValueError, r"Got -1"),
        ({"k": 2.0}, TypeError, r"`k` must be a whole number\. Got 2\.0"),
        ({"delay": -1}, ValueError, r"`delay` must be from 0 to"),
        ({"entity": ROWS.astype(np.int32)}, TypeError, r"`entity` must .* Got int32"),
        ({"time": np.zeros(3)}, TypeError, r"`time` must .* Got float64"),
        ({"time": np.arange(2)}, ValueError, r"`time` must have the shape \(3,\)\. Got \(2,\)"),
        ({"time": np.array([0, 0, -(2**63)])}, ValueError, r"`time` must lie within"),
        ({"query_entity": ROWS}, ValueError, r"must be given together"),
        ({"query_time": ROWS}, ValueError, r"must be given together"),
        (
            {"query_entity": ROWS, "query_time": np.arange(4)},
            ValueError,
            r"`query_time` must have the shape \(3,\)",
        ),
        ({"device": "tpu"}, ValueError, r"`device` must be one of"),
    ],
)
def test_it_refuses_what_it_cannot_compute(change, error, message):
    with pytest.raises(error, match=message):
        temporal_neighbors(**({"entity": ROWS, "time": ROWS, "k": 2} | change))


@pytest.mark.skipif(has_cuda(), reason="a CUDA device is here")
def test_cuda_without_a_device_is_an_error_not_a_detour():
    with pytest.raises(DeviceError, match="A CUDA device must be present"):
        temporal_neighbors(ROWS, ROWS, 1, device="cuda")
