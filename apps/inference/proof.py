"""What the score of a row rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.registry.proof import Decision, proof_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.accounts.models import User
    from apps.inference.models import Prediction


def proof_of_row(prediction: Prediction, values: Mapping[str, Any], user: User) -> dict[str, Any]:
    """Return the proof of one row of a result that is ready; `values` are those of the row."""
    decision = Decision(
        thing=prediction,
        model=prediction.model,
        at=prediction.finished_at or prediction.created_at,
        said=values,
        settings=prediction.settings,
        facts=prediction.facts,
        row=values["row"],
        version=prediction.dataset_version,
    )
    return proof_of(decision, user)
