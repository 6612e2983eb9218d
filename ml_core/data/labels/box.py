"""A box on a picture, and lists of boxes as text."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Iterable

SLACK = 1.0  # pixels by which rounding may lead over the edge
MOST_BOXES = 1_000  # on one picture, drawn by people
LONGEST_LABEL = 100
_SIZES = ("x", "y", "width", "height")


@dataclass(frozen=True, slots=True)
class Box:
    """A labelled rectangle in pixels of the upright picture, from its upper left corner."""

    label: str
    x: float
    y: float
    width: float
    height: float

    def clipped(self, width: int, height: int) -> Box:
        """Return the part inside of the picture.

        Raises: ValueError: in words, if a number is none, or it lies outside by more than rounding.
        """
        numbers = (self.x, self.y, self.width, self.height)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("must have four finite numbers")
        right, lower = self.x + self.width, self.y + self.height
        if self.width <= 0 or self.height <= 0:
            raise ValueError("must have a width and a height above zero")
        outside = max(-self.x, -self.y, right - width, lower - height)
        if outside > SLACK:
            raise ValueError(f"must lie inside of the picture of {width} x {height}")
        x, y = max(self.x, 0.0), max(self.y, 0.0)
        return Box(self.label, x, y, min(right, width) - x, min(lower, height) - y)


def to_text(boxes: Iterable[Box]) -> str:
    """Write boxes as the text of a cell."""
    rounded = ({k: round(v, 2) if k != "label" else v for k, v in asdict(b).items()} for b in boxes)
    return json.dumps(list(rounded), ensure_ascii=False)


def from_text(text: str | None) -> list[Box] | None:
    """Read the text of a cell; None where nobody has looked.

    Raises: ValueError: if it is not what `to_text` writes.
    """
    if not text:
        return None
    told: Any = json.loads(text)
    if not isinstance(told, list):
        raise ValueError("must be a list of boxes")
    return [_one(item) for item in told]


def _one(item: Any) -> Box:
    try:
        sizes = [float(item[name]) for name in _SIZES]
        return Box(str(item["label"]), *sizes)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("must have label, x, y, width and height") from error


def checked(told: Any, width: int, height: int) -> list[Box]:
    """Return what a person says to be on a picture of this size, as it will be kept.

    Raises: DataError: naming by its number the first box that cannot be.
    """
    if not isinstance(told, list):
        raise _refused("Boxes must be a list. Send [] where nothing is on the picture.")
    if len(told) > MOST_BOXES:
        raise _refused(
            f"A picture must have at most {MOST_BOXES:,} boxes. Got {len(told):,}. Draw fewer."
        )
    found = []
    for number, item in enumerate(told, 1):
        try:
            found.append(_drawn(item).clipped(width, height))
        except ValueError as error:
            raise _refused(f"Box {number} {error}. Correct it; nothing was saved.") from error
    return found


def _drawn(item: Any) -> Box:
    numbers: list[Any] = [item.get(name) for name in _SIZES] if isinstance(item, dict) else []
    if not numbers or any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise ValueError("must have the numbers x, y, width and height")
    label = item.get("label")
    if not isinstance(label, str) or not label.strip() or not label.strip().isprintable():
        raise ValueError("must have a label of printable characters")
    if len(label) > LONGEST_LABEL:
        raise ValueError(f"must have a label of at most {LONGEST_LABEL} characters")
    try:
        return Box(label.strip(), *(round(float(number), 2) for number in numbers))
    except OverflowError:
        raise ValueError("must have four finite numbers") from None


def _refused(message: str) -> DataError:
    return DataError(Issue("bad_box", message))
