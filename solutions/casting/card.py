"""What the card of a model says of its purpose, and of what it cannot do."""

from __future__ import annotations

PURPOSE = "Find defects on pictures of castings, and say which parts pass."
LIMITS = (
    "It finds the classes that were drawn, on pictures taken as those were.",
    "Other light, another machine or another alloy asks for pictures of its own.",
    "Defects smaller than a few pixels of the scaled picture are not seen.",
    "A size is that of the box on the picture; it is right in millimetres only where the scale is.",
    "A pass is no proof: the recall on the card says how many drawn defects were found.",
)
