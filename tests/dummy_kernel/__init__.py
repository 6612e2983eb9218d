"""Sums by segment: the values that carry the same number are added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernels._checks import check_column, check_whole_number
from kernels._dispatch import UNMEASURED, Device, Kernel, register, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

_MOST_SEGMENTS = 2**31


def segment_sum(
    values: NDArray[np.float64],
    segments: NDArray[np.int64],
    n_segments: int,
    *,
    device: Device = "auto",
) -> NDArray[np.float64]:
    """Add up the values of each segment.

        out[s] = sum of values[i] over all i with segments[i] = s

    A segment without values gets 0; not-a-number in a segment makes its sum not-a-number.

    Shapes: values (n,), segments (n,) -> (n_segments,). O(n + n_segments).

    Args:
        values: what is added up, in any one unit.
        segments: to which segment each belongs, 0 to n_segments - 1, in any order.
        n_segments: how many segments there are.
        device: where to compute.

    Raises:
        TypeError: if an array has another type.
        ValueError: if a shape, a segment or `n_segments` is out of range.
        DeviceError: if `device` is "cuda" and there is none.

    Source: the definition above.
    """
    check_column("values", values, np.float64)
    check_column("segments", segments, np.int64, like=values)
    check_whole_number("`n_segments`", n_segments, least=0, most=_MOST_SEGMENTS)
    if len(segments) and not (segments.min() >= 0 and segments.max() < n_segments):
        raise ValueError(
            f"`segments` must be from 0 to {n_segments - 1}. Got one beyond. "
            "Raise `n_segments`, or leave such rows out."
        )
    return run(_KERNEL, values, segments, int(n_segments), size=len(values), device=device)


def _cases(rng: Generator) -> Iterator[tuple[Any, ...]]:
    for n, n_segments in ((0, 0), (0, 3), (1, 1), (37, 5), (400, 1), (257, 300)):
        segments = rng.integers(0, max(n_segments, 1), n)
        yield rng.normal(0, 100, n), segments, n_segments
    yield np.array([1.0, np.nan, 2.0]), np.array([0, 1, 0]), 3


_KERNEL = register(
    Kernel(
        name="segment_sum",
        module=__name__,
        cases=_cases,
        # Threads add in no fixed order, and sums of 64-bit floats depend on it in their last bits.
        rtol=1e-12,
        atol=1e-10,
        gpu_min_size=UNMEASURED,
    )
)
