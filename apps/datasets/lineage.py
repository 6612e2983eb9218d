"""What a version's page tells of its kin and of what was found in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from apps.datasets.models import DatasetVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_KIN = 5


def lineage_of(version: DatasetVersion) -> Mapping[str, Any]:
    """Return what became of a version, who says the same, and how its inspection ended."""
    inspection = version.inspections.select_related("reference").first()
    found = inspection.findings.values_list("severity", flat=True) if inspection else ()
    counts = Counter(found)
    return {
        "children": version.frozen.light().order_by("number"),
        "same_content": same_content(version),
        "can_go_to_dvc": version.has_own_file or (version.is_ready and not version.has_pictures),
        "inspection": inspection,
        "n_findings": counts.total(),
        "finding_counts": [
            ("bad", counts["error"], "error"),
            ("warning", counts["warning"], "warning"),
            ("neutral", counts["info"], "note"),
        ],
    }


def same_content(version: DatasetVersion) -> list[DatasetVersion]:
    """Return a few other versions of the team whose rows say the same."""
    if not version.content_sha256:
        return []
    same = DatasetVersion.objects.light().filter(
        team_id=version.team_id, content_sha256=version.content_sha256
    )
    return list(same.exclude(pk=version.pk).select_related("dataset")[:MOST_KIN])
