"""How many labels are new since a policy last trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from django.utils import timezone

from apps.answers.gathering import count_ungathered
from apps.catalog.services import registry
from apps.catalog.services import solution as find_solution
from apps.datasets.models import DatasetVersion
from apps.datasets.services import load_frame

if TYPE_CHECKING:
    from apps.schedules.models import Policy
    from ml_core.typing import Frame


def latest_ready(policy: Policy) -> DatasetVersion | None:
    """Return the newest version of a policy's dataset that can be trained on."""
    found: DatasetVersion | None = (
        DatasetVersion.objects.ready()
        .filter(dataset=policy.dataset_id)
        .select_related("dataset", "team")
        .order_by("-number")
        .first()
    )
    return found


def count_new(policy: Policy, version: DatasetVersion | None) -> int:
    """Count labelled rows that came since the base of a policy.

    Corrections of answers are among them once a version holds them: before, nothing would be
    learned from them, and they would count a second time as rows.

    Files are read only when there is a version that was not counted before.
    """
    pair = {"base": str(policy.base_version_id), "newest": str(version.pk if version else None)}
    rows: int | None = policy.counted.get("rows")
    if rows is None or policy.counted.get("pair") != pair:
        rows = _new_rows(policy, version)
        policy.counted = {"pair": pair, "rows": rows}
    policy.n_new_labels = rows
    policy.counted_at = timezone.now()
    policy.save(update_fields=["counted", "n_new_labels", "counted_at"])
    return rows


def ungathered(policy: Policy) -> int:
    """Count corrections of answers that a policy waits for in vain until they are gathered."""
    if not policy.n_labels or policy.solution not in registry():
        return 0
    return count_ungathered(solution=policy.solution, team=policy.team)


def _new_rows(policy: Policy, version: DatasetVersion | None) -> int:
    if version is None or version.pk == policy.base_version_id:
        return 0
    newest = _labelled(version, policy.solution)
    if policy.base_version is None:
        return newest.height
    return newest.join(_labelled(policy.base_version, policy.solution), on="id", how="anti").height


def _labelled(version: DatasetVersion, slug: str) -> Frame:
    """Return what tells the labelled rows of a version apart: their key, else all they hold."""
    schema = find_solution(slug).inputs()
    label, key = schema.role("label"), schema.role("key")
    # Only what is needed, where the checks have told that the file has it.
    is_known = key is not None and label is not None and version.report.get("label")
    names = [column.name for column in (key, label) if column is not None]
    frame = load_frame(version, names if is_known else None)
    if label is not None and label.name in frame.columns:
        frame = frame.filter(is_labelled(label.name))
    elif label is not None:
        frame = frame.clear()
    return frame.select(identity([key.name] if key else frame.columns).alias("id"))


def is_labelled(column: str) -> pl.Expr:
    """Return an expression that is true where somebody has said what is so."""
    return pl.col(column).cast(pl.String).fill_null("") != ""


def identity(columns: list[str]) -> pl.Expr:
    """Return an expression that is equal for rows that are the same in these columns."""
    texts = [pl.col(name).cast(pl.String).fill_null("\x00") for name in columns if name != "row"]
    return pl.concat_str(texts, separator="\x1f").hash()
