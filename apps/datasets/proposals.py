"""What a model found on a picture, for people to accept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from apps.inference.models import Prediction
from apps.inference.results import ResultTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.datasets.models import DatasetVersion


def proposals(version: DatasetVersion, row: int) -> list[Mapping[str, Any]]:
    """Return the boxes of the newest result over these pictures, each with its confidence.

    A version that was frozen shares its pictures, and so their results, with the one before it.
    """
    done = Prediction.objects.filter(
        dataset_version__source_blob=version.source_blob, team_id=version.team_id,
        state="succeeded",
    )  # fmt: skip
    newest = done.order_by("-created_at").first()
    if newest is None:
        return []
    table = ResultTable(newest)
    values = table.row(row) if "found" in table.names else None
    return json.loads(values["found"] or "[]") if values else []
