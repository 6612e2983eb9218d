"""The card of a model: what it was made from, and what it cannot do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from solutions.api import Split
    from solutions.casting.options import CastingOptions

LICENCE = "AGPL-3.0-or-later; the weights may be used like the data they were learnt from."
LIMITS = (
    "It finds the classes that were drawn, on pictures taken as those were.",
    "Other light, another machine or another alloy asks for pictures of its own.",
    "Defects smaller than a few pixels of the scaled picture are not seen.",
    "A size is that of the box on the picture; it is right in millimetres only where the scale is.",
    "A pass is no proof: the recall on the card says how many drawn defects were found.",
)


def write_card(  # noqa: PLR0913  each is one part of the card
    out: Path,
    *,
    data: Split,
    options: CastingOptions,
    metrics: Mapping[str, Any],
    parity: float,
    seed: int,
    classes: Sequence[str],
    variants: Sequence[Mapping[str, Any]],
) -> None:
    """Write card.json."""
    card = {
        "purpose": "Find defects on pictures of castings, and say which parts pass.",
        "data_origin": f"{len(data.train):,} pictures of the file given. {data.how}",
        "licence": LICENCE,
        "limits": LIMITS,
        "split": data.how,
        "classes": list(classes),
        "options": options.model_dump(mode="json"),
        "metrics": dict(metrics),
        "parity": parity,
        "seed": seed,
        "variants": [dict(one) for one in variants],
    }
    (out / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1), "utf-8")
