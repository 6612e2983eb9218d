"""What the card of a model says of its purpose, and of what it cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PURPOSE = "Find defects on pictures of castings, and say which parts pass."
LIMITS = (
    "It finds the classes that were drawn, on pictures taken as those were.",
    "Other light, another machine or another alloy asks for pictures of its own.",
    "Defects smaller than a few pixels of the scaled picture are not seen.",
    "A size is that of the box on the picture; it is right in millimetres only where the scale is.",
    "A pass is no proof: the recall on the card says how many drawn defects were found.",
)

RECALL_TO_TRUST = 0.5


def limits(metrics: Mapping[str, float]) -> tuple[str, ...]:
    """Return what it cannot do; first of all, where it is so, that it finds too little yet."""
    recall = metrics.get("recall50", 0.0)
    if recall >= RECALL_TO_TRUST:
        return LIMITS
    too_little = (
        f"It found {recall:.0%} of the defects on the pictures that it was measured on: too few to "
        "judge parts with. Draw boxes on more pictures, or let it learn longer."
    )
    return (too_little, *LIMITS)
