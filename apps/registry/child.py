"""The far end of making a model smaller: a process of its own, without database and keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.experiments.child import made, opened
from solutions.compression import CompressOptions

if TYPE_CHECKING:
    from ml_core.tracking.run import Run


def compress(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Compress as `payload` says, and return all forms, and the bundle if one passed."""
    solution = made(payload["solution"])
    options = solution.options(**payload["options"])
    run.stage("Reading")
    with opened(payload) as batch:
        split = solution.split(batch, options, run.seed)
        run.log(split.how)
        found = solution.compress(
            Path(payload["bundle"]), split, CompressOptions(**payload["how"]), run,
            Path(payload["out"]),
        )  # fmt: skip
    return {
        "variants": [one.to_json() for one in found.variants],
        "chosen": found.chosen,
        "reason": found.reason,
        "bundle": str(found.bundle) if found.bundle else None,
        "metrics": {name: float(value) for name, value in found.metrics.items()},
    }
