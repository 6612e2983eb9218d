"""When a part passes, fails, or goes to a person: limits of each class."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from solutions.blocks import Tone
    from solutions.casting.options import CastingSettings
    from solutions.casting.scoring import Defect

PASS, REVIEW, FAIL = "pass", "review", "fail"
VERDICTS: Mapping[str, Tone] = {PASS: "good", REVIEW: "warning", FAIL: "bad"}
_WORDS = ("confidence", "size", "count")


@dataclass(frozen=True, slots=True)
class Limit:
    """A defect counts from `confidence`; a larger one than `size`, or more than `count`, fails."""

    confidence: float
    size: float = 0.0
    count: int = 0


def read_limits(text: str, usual: float = 0.5) -> dict[str, Limit]:
    """Read limits such as "crack: confidence 0.3; pore: size 0.5, count 3".

    Raises: ValueError: in words that name the part that cannot be read.
    """
    found = {}
    for part in filter(str.strip, re.split(r"[;\n]", text)):
        name, sign, rules = part.partition(":")
        if not sign or not name.strip():
            raise ValueError(f"A limit must be: class: confidence 0.3, size 0.5. Got {part!r}.")
        limit = Limit(usual)
        for rule in filter(str.strip, rules.split(",")):
            limit = _with(limit, rule)
        found[name.strip()] = limit
    return found


def _with(limit: Limit, rule: str) -> Limit:
    word, _, number = rule.strip().partition(" ")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if word not in _WORDS or not 0 <= value < 1e9 or (word == "confidence" and value > 1):
        raise ValueError(f"A limit must have {', '.join(_WORDS)} with a number. Got {rule!r}.")
    if word == "count":
        return replace(limit, count=int(value))
    return replace(limit, confidence=value) if word == "confidence" else replace(limit, size=value)


def verdict(defects: Sequence[Defect], settings: CastingSettings) -> tuple[str, str]:
    """Return pass, review or fail, and the rule that decided."""
    limits = read_limits(settings.limits, settings.fail_from)
    usual = Limit(settings.fail_from)
    reason = _broken(defects, limits, usual, settings)
    if reason:
        return FAIL, reason
    doubtful = [
        d
        for d in defects
        if d.confidence >= settings.review_from and _counts_less(d, limits, usual)
    ]
    if doubtful:
        first = doubtful[0]
        return REVIEW, f"{first.label} at {first.confidence:.0%} is doubtful"
    return PASS, ""


def _counts_less(defect: Defect, limits: Mapping[str, Limit], usual: Limit) -> bool:
    return defect.confidence < limits.get(defect.label, usual).confidence


def _broken(
    defects: Sequence[Defect], limits: Mapping[str, Limit], usual: Limit, settings: CastingSettings
) -> str:
    scale = settings.mm_per_pixel or 1.0
    unit = "mm" if settings.mm_per_pixel else "px"
    for label in dict.fromkeys(defect.label for defect in defects):
        limit = limits.get(label, usual)
        sure = [d for d in defects if d.label == label and d.confidence >= limit.confidence]
        large = [d for d in sure if max(d.width, d.height) * scale > limit.size]
        if len(large) > limit.count:
            first = large[0]
            size = max(first.width, first.height) * scale
            return (
                f"{label}: {len(large)} above {limit.size:g} {unit} (allowed {limit.count}), "
                f"the surest {size:.1f} {unit} at {first.confidence:.0%}"
            )
    return ""
