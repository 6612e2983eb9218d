"""Rolling windows by brute force in exact fractions, and what the door refuses."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels._dispatch import has_cuda
from kernels.rolling_windows import STATISTICS, rolling_windows
from ml_core.errors import DeviceError

FAR = 2**62

amounts = st.integers(0, 10**7).map(lambda cents: cents / 100)
# Squares of smaller ones would vanish, and with them the spread.
wild = st.floats(1e-140, 1e150) | st.floats(-1e150, -1e-140)
missing = st.just(math.nan)


@st.composite
def rows(draw, values):
    n = draw(st.integers(0, 40))
    ids = draw(st.sampled_from([st.integers(0, 3), st.integers(-(2**63), 2**63 - 1)]))
    known = draw(st.lists(ids, min_size=1, max_size=4))
    column = st.lists(st.sampled_from(known), min_size=n, max_size=n)
    return (
        np.array(draw(column), np.int64),
        np.array(draw(st.lists(st.integers(-20, 20), min_size=n, max_size=n)), np.int64),
        np.array(draw(st.lists(values, min_size=n, max_size=n)), np.float64),
    )


def members(entity, time, values, row, window, delay):
    """Return the values in the window of a row as exact fractions."""
    newest = int(time[row]) - delay
    return [
        Fraction(float(values[other]))
        for other in range(len(time))
        if entity[other] == entity[row]
        and newest - window < int(time[other]) <= newest
        and not math.isnan(values[other])
    ]


def exact_std(inside):
    """Return the standard deviation of fractions, rounded once from a whole-number root."""
    mean = sum(inside) / len(inside)
    variance = sum((value - mean) ** 2 for value in inside) / len(inside)
    scale = 2**1200
    root = math.isqrt(variance.numerator * scale**2 // variance.denominator)
    return float(Fraction(root, scale))


def close(found, exact, inside):
    """Hold a sum to the last place, unless large values cancel one another."""
    largest = max((abs(value) for value in inside), default=Fraction(0))
    rounding = max(abs(exact) * Fraction(2) ** -52, largest * Fraction(2) ** -90)
    return abs(Fraction(float(found)) - exact) <= rounding + Fraction(2) ** -1074


windows = st.lists(st.integers(1, 50), min_size=1, max_size=3)
delays = st.integers(0, 15)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(rows(amounts | missing | wild), windows, delays)
def test_it_is_what_fractions_say(table, lengths, delay):
    entity, time, values = table

    found = rolling_windows(entity, time, values, lengths, delay=delay, device="cpu")

    assert found.shape == (len(entity), len(lengths), 5)
    for row in range(len(entity)):
        for w, window in enumerate(lengths):
            count, total, mean, std, most = found[row, w]
            inside = members(entity, time, values, row, window, delay)
            assert count == len(inside)
            assert close(total, sum(inside, Fraction(0)), inside)
            if not inside:
                assert math.isnan(mean)
                assert math.isnan(std)
                assert math.isnan(most)
                continue
            assert mean == total / count
            assert most == max(inside)
            largest = float(max(map(abs, inside)))
            assert std == pytest.approx(exact_std(inside), rel=1e-12, abs=largest * 1e-13)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(rows(amounts), windows, delays, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(table, lengths, delay, random):
    order = list(range(len(table[0])))
    random.shuffle(order)
    order = np.array(order, np.int64)
    options = {"delay": delay, "statistics": ("count", "sum", "mean", "max"), "device": "cpu"}

    straight = rolling_windows(*table, lengths, **options)
    shuffled = rolling_windows(*(column[order] for column in table), lengths, **options)

    np.testing.assert_array_equal(shuffled, straight[order])


@settings(derandomize=True, deadline=None, max_examples=50)
@given(rows(amounts), st.integers(1, 15), st.data())
def test_rows_younger_than_the_delay_change_nothing(table, delay, data):
    entity, time, values = table
    if not len(time):
        return
    row = data.draw(st.integers(0, len(time) - 1))
    changed = np.where(time > time[row] - delay, values + 1000, values)

    before = rolling_windows(entity, time, values, [5, 40], delay=delay, device="cpu")
    after = rolling_windows(entity, time, changed, [5, 40], delay=delay, device="cpu")

    np.testing.assert_array_equal(after[row], before[row])


def series(values, time=None):
    values = np.array(values, np.float64)
    time = np.arange(len(values)) if time is None else np.array(time, np.int64)
    return np.zeros(len(values), np.int64), time, values


def one(table, window, statistic, **options):
    options = {"statistics": [statistic], "device": "cpu"} | options
    return rolling_windows(*table, [window], **options)[:, 0, 0].tolist()


def test_the_old_end_is_open_and_the_new_end_closed():
    table = series([1, 10, 100], time=[0, 5, 10])

    assert one(table, 5, "sum") == [1, 10, 100]
    assert one(table, 6, "sum") == [1, 11, 110]
    assert one(table, 5, "sum", delay=5) == [0, 1, 10]


def test_rows_of_one_moment_see_each_other():
    table = series([1, 2, 4], time=[7, 7, 7])

    assert one(table, 1, "count") == [3, 3, 3]
    assert one(table, 1, "sum") == [7, 7, 7]


def test_a_missing_value_takes_no_part():
    table = series([1, math.nan, 5])

    assert one(table, 2, "count") == [1, 1, 1]
    assert one(table, 3, "mean") == [1, 1, 3]
    assert one(table, 9, "max") == [1, 1, 5]
    assert one(table, 9, "std") == [0, 0, 2]


@pytest.mark.parametrize("device", ["cpu", "reference"])
def test_a_huge_value_that_left_leaves_nothing_behind(device):
    table = series([1e150, 0.1, 0.2, 0.3, 0.1, 0.2])

    sums = one(table, 2, "sum", device=device)
    spreads = one(table, 2, "std", device=device)

    assert sums[2:] == [0.1 + 0.2, 0.5, 0.4, 0.1 + 0.2]
    assert spreads[2:] == pytest.approx([0.05, 0.05, 0.1, 0.05], rel=1e-14)


@pytest.mark.parametrize("before", [0.01, 1e20])
def test_sums_of_cents_do_not_drift(before):
    cents = np.random.default_rng(3).integers(1, 10**6, 20_000)
    window = 100
    whole = np.concatenate([[0], np.cumsum(cents)])
    expected = whole[window:] - whole[:-window]

    # Behind a huge value, totals in two doubles are no longer exact: the other way is taken.
    found = np.array(one(series([before, *(cents / 100)]), window, "sum"))[window:]

    np.testing.assert_array_equal(np.rint(found * 100), expected)
    np.testing.assert_allclose(found, expected / 100, rtol=2**-51, atol=0)


def test_the_spread_of_near_equal_large_values_survives():
    table = series(1e9 + np.array([0.0, 0.25, 0.5, 0.25, 0.0]))

    assert one(table, 3, "std")[-1] == pytest.approx(math.sqrt(1 / 24), rel=1e-6)


def test_equal_values_have_no_spread():
    assert one(series([0.1] * 50), 7, "std") == [0.0] * 50


def test_statistics_come_in_the_order_asked_for():
    table = series([1, 2, 6])
    every = rolling_windows(*table, [2, 3], device="cpu")

    for names in (["max", "count"], ("mean",), list(reversed(STATISTICS))):
        found = rolling_windows(*table, [2, 3], statistics=names, device="cpu")

        np.testing.assert_array_equal(found, every[:, :, [STATISTICS.index(n) for n in names]])


def test_times_and_windows_may_span_the_whole_range():
    table = series([1, 2, 4], time=[-FAR, 0, FAR])

    assert one(table, FAR, "sum") == [1, 2, 4]
    assert one(table, FAR - 1, "sum", delay=1) == [0, 0, 0]
    assert one(table, 1, "sum", delay=FAR - 1) == [0, 0, 0]


def test_far_ids_count_as_near_ones():
    rng = np.random.default_rng(5)
    entity, time = rng.integers(0, 2000, 6000), rng.integers(0, 500, 6000)
    far = entity * 4_611_686_018_427_387 - 2**62
    values = np.round(rng.gamma(2, 30, 6000), 2)

    near = rolling_windows(entity, time, values, [30], device="cpu")

    np.testing.assert_array_equal(rolling_windows(far, time, values, [30], device="cpu"), near)


def test_no_rows_give_no_rows():
    for device in ("cpu", "reference", "auto"):
        assert rolling_windows(*series([]), [1, 2], device=device).shape == (0, 2, 5)


def test_the_arguments_stay_as_they_were():
    table = series([3, 1, 2], time=[5, 1, 3])
    copies = [column.copy() for column in table]

    rolling_windows(*table, [2], device="cpu")

    for column, copy in zip(table, copies, strict=True):
        np.testing.assert_array_equal(column, copy)


GOOD = {
    "entity": np.zeros(3, np.int64),
    "time": np.arange(3),
    "values": np.ones(3),
    "windows": [2],
}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"entity": np.zeros(3, np.int32)}, TypeError, r"`entity` must be a .* Got int32\. Conv"),
        ({"entity": [0, 0, 0]}, TypeError, r"`entity` must be a NumPy array of int64. Got list"),
        ({"values": np.ones(3, np.float32)}, TypeError, r"`values` must .* Got float32"),
        ({"time": np.zeros(3)}, TypeError, r"`time` must be a NumPy array of int64. Got float64"),
        ({"time": np.arange(4)}, ValueError, r"`time` must have the shape \(3,\)\. Got \(4,\)"),
        ({"values": np.ones((3, 1))}, ValueError, r"`values` must .* Got \(3, 1\)"),
        ({"entity": np.zeros(6, np.int64)[::2]}, ValueError, r"`entity` must lie .* of 16 bytes"),
        ({"time": np.array([0, 1, 2**62 + 1])}, ValueError, r"`time` must lie within"),
        ({"time": np.array([-(2**63), 0, 1])}, ValueError, r"`time` must lie within"),
        ({"values": np.array([1, np.inf, 1])}, ValueError, r"`values` must lie within .* 1e\+150"),
        ({"values": np.array([np.nan, -1e151, 1])}, ValueError, r"`values` must lie within"),
        ({"windows": []}, ValueError, r"`windows` must hold at least one length"),
        ({"windows": [3, 0]}, ValueError, r"Each of `windows` must be from 1 to .* Got 0"),
        ({"windows": [-7]}, ValueError, r"Got -7"),
        ({"windows": [1.5]}, TypeError, r"must be a whole number\. Got 1\.5"),
        ({"windows": [2**62], "delay": 1}, ValueError, r"Each of `windows` must be from 1 to"),
        ({"delay": -1}, ValueError, r"`delay` must be from 0 to .* Got -1"),
        ({"delay": True}, TypeError, r"`delay` must be a whole number\. Got True"),
        ({"statistics": ["median"]}, ValueError, r"must be some of count, .* Got median"),
        ({"statistics": []}, ValueError, r"Got none\. Name those you need"),
        ({"statistics": ["sum", "sum"]}, ValueError, r"each once\. Got sum, sum"),
        ({"device": "gpu"}, ValueError, r"`device` must be one of auto, cpu, cuda, reference"),
    ],
)
def test_it_refuses_what_it_cannot_compute(change, error, message):
    with pytest.raises(error, match=message):
        rolling_windows(**(GOOD | change))


def test_all_values_may_be_missing():
    found = rolling_windows(**(GOOD | {"values": np.full(3, np.nan)}), device="cpu")

    np.testing.assert_array_equal(found[:, 0, 0], 0)
    assert np.isnan(found[:, 0, 2:]).all()


@pytest.mark.skipif(has_cuda(), reason="a CUDA device is here")
def test_cuda_without_a_device_is_an_error_not_a_detour():
    with pytest.raises(DeviceError, match="A CUDA device must be present"):
        rolling_windows(**GOOD, device="cuda")
