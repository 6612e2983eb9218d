"""Values of cards and options in plain words."""

from __future__ import annotations

from typing import Any


def in_words(value: Any) -> str:
    """Return a value of a card as people read it: lists by commas, figures in four digits."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {in_words(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(in_words(one) for one in value)
    return format(value, ".4g") if isinstance(value, float) else str(value)
