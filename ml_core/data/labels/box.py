"""A box on a picture, and lists of boxes as text."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SLACK = 1.0  # pixels by which rounding may lead over the edge


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
        sizes = [float(item[name]) for name in ("x", "y", "width", "height")]
        return Box(str(item["label"]), *sizes)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("must have label, x, y, width and height") from error
