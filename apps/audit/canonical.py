"""Values of a summary in the one form in which every database gives them back.

PostgreSQL keeps numbers of JSON as decimals: it forgets whether 1e22 was written as a float and
that zero was negative, and it takes no NUL. The digest is made of what comes back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_EXACT = 1e15  # from here on a float prints with an exponent sooner or later


def canonical(value: Any) -> Any:
    """Return plain JSON that is the same before and after it was stored."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        return {text(str(key)): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    return value


def text(value: str) -> str:
    """Replace what cannot be stored: NUL, and halves of characters."""
    clean = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return clean.encode("utf-8", "replace").decode("utf-8")


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    if value == 0 or (abs(value) >= _EXACT and value == int(value)):
        return int(value)
    return value
