"""The files that every bundle has beside its network: the card, and how data are prepared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ml_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from solutions.api import Options, Split

LICENCE = "AGPL-3.0-or-later; the weights may be used like the data that they were learnt from."
CARD, PREPARATION = "card.json", "preprocess.json"
NETWORK, EIGHT_BITS, WEIGHTS = "model.onnx", "model.int8.onnx", "weights.safetensors"


class Preparation(BaseModel):
    """Everything about scoring that is no weight, as plain JSON; a solution adds its fields.

    `network` is the file that answers; a compressed model may have a smaller one beside the full.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = NETWORK

    def save(self, bundle: Path) -> None:
        """Write into a bundle folder."""
        (bundle / PREPARATION).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def load(cls, bundle: Path) -> Self:
        """Read from a bundle folder. Raises: ModelError: if it is damaged or of other code."""
        try:
            return cls.model_validate_json((bundle / PREPARATION).read_bytes())
        except (OSError, ValidationError) as error:
            message = (
                f"A bundle must hold a whole {PREPARATION}. Got none that can be read. "
                "Train again, or restore the bundle from a backup."
            )
            raise ModelError(message) from error


def write_card(  # noqa: PLR0913  each is one part of the card
    out: Path,
    *,
    purpose: str,
    limits: Sequence[str],
    rows: str,
    data: Split,
    options: Options,
    metrics: Mapping[str, float],
    parity: float,
    seed: int,
    **more: Any,
) -> None:
    """Write what a model was made from, and what it cannot do; `rows` names what was learnt from.

    `more` are facts of one solution only; they must be JSON-able.
    """
    card = {
        "purpose": purpose,
        "data_origin": f"{len(data.train):,} {rows} of the file given. {data.how}",
        "licence": LICENCE,
        "limits": list(limits),
        "split": data.how,
        "options": options.model_dump(mode="json"),
        "metrics": dict(metrics),
        "parity": parity,
        "seed": seed,
        **more,
    }
    save_card(out, card)


def save_card(out: Path, card: Mapping[str, Any]) -> None:
    """Write the card of a bundle."""
    (out / CARD).write_text(json.dumps(card, ensure_ascii=False, indent=1), "utf-8")


def read_card(bundle: Path) -> dict[str, Any]:
    """Read the card of a bundle. Raises: ModelError: if it is damaged or missing."""
    try:
        card = json.loads((bundle / CARD).read_text("utf-8"))
        if not isinstance(card, dict):
            raise ValueError("no object")
    except (OSError, ValueError) as error:
        message = (
            f"A bundle must hold a whole {CARD}. Got none that can be read. "
            "Train again, or restore the bundle from a backup."
        )
        raise ModelError(message) from error
    return card
