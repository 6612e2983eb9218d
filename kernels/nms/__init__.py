"""Non-maximum suppression: of boxes that overlap, the surest of each class stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernels._checks import check_boxes, check_column, check_range, check_whole_number
from kernels._dispatch import UNMEASURED, Device, Kernel, register, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

# Squares of it stay finite, and differences of corners exact enough, in 64 bits.
_FARTHEST = 1e9


def nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: NDArray[np.int64],
    *,
    overlap: float = 0.6,
    most: int = 300,
    device: Device = "auto",
) -> NDArray[np.int64]:
    """Find the boxes to keep, the surest first: none overlaps a surer kept one of its class.

    Greedy: the surest box stays, all of its class that overlap it by more than `overlap`
    (intersection over union) go, and so on. Of equal scores the lower row is the surer. Corners in
    the wrong order make a box of no area, which overlaps nothing.

    Shapes: boxes (n, 4) as x1 y1 x2 y2, scores (n,), classes (n,) -> rows (k,), k at most `most`.
    O(n log n) to sort, O(n k) to compare.

    Args:
        boxes: corners, in any one unit.
        scores: how sure each is.
        classes: of what it is; any 64-bit numbers.
        overlap: above it the less sure box goes, 0 to 1.
        most: how many boxes stay, at least 1.
        device: where to compute.

    Raises:
        TypeError: if an array has another type.
        ValueError: if a shape, a value, `overlap` or `most` is out of range.
        DeviceError: if `device` is "cuda" and there is none.

    Source: greedy suppression as in Felzenszwalb et al., 2010, doi:10.1109/TPAMI.2009.167, section
    7.2, class by class.
    """
    check_boxes("boxes", boxes)
    check_column("scores", scores, np.float32)
    check_column("classes", classes, np.int64, like=scores)
    if len(boxes) != len(scores):
        raise ValueError(
            f"`scores` must have one value for each box. Got {len(scores)} for {len(boxes)}."
        )
    for name, values in (("boxes", boxes.ravel()), ("scores", scores)):
        check_range(name, values, _FARTHEST)
        if np.isnan(values).any():
            raise ValueError(f"`{name}` must be numbers. Got NaN. Leave such boxes out.")
    if not 0 <= overlap <= 1:
        raise ValueError(f"`overlap` must be from 0 to 1. Got {overlap}. Change it.")
    check_whole_number("`most`", most, least=1, most=2**31)
    return run(
        _KERNEL, boxes, scores, classes, float(overlap), int(most), size=len(boxes), device=device
    )


def _cases(rng: Generator) -> Iterator[tuple[Any, ...]]:
    for n, n_classes in ((0, 1), (1, 1), (37, 1), (120, 3), (97, 97)):
        corner = rng.uniform(-20, 60, (n, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(0, 40, (n, 2))], axis=1)
        # Few distinct scores make ties; whole corners make overlaps that lie on the border.
        scores = (rng.integers(0, 12, n) / 12).astype(np.float32)
        classes = rng.integers(-1, n_classes, n)
        for overlap, most in ((0.5, 300), (0.0, 300), (1.0, 5)):
            yield np.round(boxes).astype(np.float32), scores, classes, overlap, most
        turned = boxes[:, [2, 1, 0, 3]].astype(np.float32)
        yield turned, scores, classes, 0.3, 20


_KERNEL = register(
    Kernel(
        name="nms",
        module=__name__,
        cases=_cases,
        # Rows are whole numbers: twins agree or are wrong.
        rtol=0.0,
        atol=0.0,
        gpu_min_size=UNMEASURED,
    )
)
