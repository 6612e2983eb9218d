"""What every kernel asks of its arguments before compiled code sees them."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_column(
    name: str, column: NDArray[Any], dtype: type[np.generic], *, like: NDArray[Any] | None = None
) -> None:
    """Refuse what is not one contiguous column of the type, as long as the other.

    Raises:
        TypeError: if it is no array of the type.
        ValueError: if it has another shape, or gaps in memory.
    """
    _check_type(name, column, dtype)
    if column.ndim != 1 or (like is not None and len(column) != len(like)):
        wanted_shape = "(n,)" if like is None else str(like.shape)
        raise ValueError(
            f"`{name}` must have the shape {wanted_shape}. Got {column.shape}. "
            "Pass one value for each row."
        )
    _check_gaps(name, column)


def check_boxes(name: str, boxes: NDArray[Any]) -> None:
    """Refuse what is not a table of 32-bit corners without gaps in memory.

    Raises:
        TypeError: if it is no array of float32.
        ValueError: if it has another shape, or gaps in memory.
    """
    _check_type(name, boxes, np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f"`{name}` must have the shape (n, 4). Got {boxes.shape}. Pass x1 y1 x2 y2."
        )
    _check_gaps(name, boxes)


def check_picture(name: str, picture: NDArray[Any]) -> None:
    """Refuse what is not a picture of three colours without gaps in memory.

    Raises:
        TypeError: if it is no array of uint8.
        ValueError: if it has another shape, or gaps in memory.
    """
    _check_type(name, picture, np.uint8)
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"`{name}` must have the shape (height, width, 3). Got {picture.shape}. "
            "Pass red, green and blue."
        )
    _check_gaps(name, picture)


def _check_type(name: str, array: NDArray[Any], dtype: type[np.generic]) -> None:
    wanted = np.dtype(dtype).name
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(
            f"`{name}` must be a NumPy array of {wanted}. Got {got}. "
            f"Convert it by astype({wanted!r})."
        )


def _check_gaps(name: str, array: NDArray[Any]) -> None:
    if not array.flags.c_contiguous:
        steps = " and ".join(map(str, array.strides))
        raise ValueError(
            f"`{name}` must lie in memory without gaps. Got steps of {steps} bytes. "
            "Pass it through numpy.ascontiguousarray."
        )


def check_range(name: str, column: NDArray[Any], largest: float) -> None:
    """Refuse values beyond the largest magnitude; NaN passes.

    Raises: ValueError: if a value lies beyond it, infinity included.
    """
    # fmin and fmax step over NaN; they need no copy of the column, as abs would.
    if len(column) and not (
        np.fmax.reduce(column) <= largest and np.fmin.reduce(column) >= -largest
    ):
        if np.issubdtype(column.dtype, np.floating) and np.isnan(column).all():
            return
        raise ValueError(
            f"`{name}` must lie within plus and minus {largest:g}. Got a value beyond. "
            "Remove such rows or change the unit."
        )


def check_whole_number(name: str, number: int, *, least: int, most: int) -> None:
    """Refuse what is not a whole number from least to most.

    Raises:
        TypeError: if it is no whole number.
        ValueError: if it lies outside.
    """
    if isinstance(number, bool) or not isinstance(number, Integral):
        raise TypeError(f"{name} must be a whole number. Got {number!r}. Pass an int.")
    if not least <= number <= most:
        raise ValueError(f"{name} must be from {least} to {most}. Got {number}. Change it.")
