"""The card of a model: what it was made from, and what it cannot do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from solutions.api import Split
    from solutions.vqa.options import VqaOptions

LICENCE = "AGPL-3.0-or-later; the weights may be used like the data they were learnt from."
LIMITS = (
    "It chooses among the answers that it has seen; it writes none.",
    "It knows the kind of pictures and questions that it learnt from, and no others.",
    "The share of a question's words that it has never seen lowers its confidence.",
    "Where it looked is the attention of its last step: a hint, not a proof.",
    "Blind accuracy says how far the questions alone lead; only what is above it was seen.",
)


def write_card(
    out: Path,
    *,
    data: Split,
    options: VqaOptions,
    metrics: Mapping[str, Any],
    parity: float,
    seed: int,
) -> None:
    """Write card.json."""
    card = {
        "purpose": "Answer short questions about pictures of a known kind.",
        "data_origin": f"{len(data.train):,} questions of the file given. {data.how}",
        "licence": LICENCE,
        "limits": LIMITS,
        "split": data.how,
        "options": options.model_dump(mode="json"),
        "metrics": dict(metrics),
        "parity": parity,
        "seed": seed,
    }
    (out / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1), "utf-8")
