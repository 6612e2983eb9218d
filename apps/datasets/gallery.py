"""Pictures of a dataset version as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.catalog.services import solution as find_solution
from apps.datasets.labels import row_of
from apps.datasets.services import open_media
from apps.datasets.thumbs import kept
from ml_core.data.labels.read import image_column
from ml_core.data.pictures import thumbnail

if TYPE_CHECKING:
    from apps.datasets.labels import Labels, Overview
    from apps.datasets.models import DatasetVersion
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

SMALL_SIDE = 240
WHOLE_SIDE = 8192


@dataclass(frozen=True, slots=True)
class Card:
    """A picture in a list; `n_boxes` is None where nobody has looked yet."""

    row: int
    name: str
    n_boxes: int | None
    kinds: str
    is_corrected: bool
    words: str


def gallery_cards(schema: Schema, frame: Frame, seen: Overview | None) -> list[Card]:
    """Return a card for each row; `seen` is None where boxes are not drawn."""
    image = image_column(schema).name
    texts = [c.name for c in schema.columns if c.kind in ("text", "category")]
    cards = []
    for row in frame.to_dicts():
        number = int(row["row"])
        labels: Labels = seen.labels[number - 1] if seen else None
        cards.append(
            Card(
                number,
                str(row[image]),
                None if labels is None else len(labels),
                ", ".join(sorted(set(labels or ()))),
                seen is not None and number in seen.corrected,
                " · ".join(str(row[name]) for name in texts if row.get(name)),
            )
        )
    return cards


def picture_of(version: DatasetVersion, row: int, *, is_small: bool) -> bytes | None:
    """Return a JPEG of the picture that a row speaks of, or None if there is none."""
    if not (version.is_ready and version.has_pictures and 1 <= row <= (version.n_rows or 0)):
        return None
    if is_small:
        return kept(version.source_blob, row, SMALL_SIDE, lambda: _drawn(version, row, SMALL_SIDE))
    return _drawn(version, row, WHOLE_SIDE)


def _drawn(version: DatasetVersion, row: int, side: int) -> bytes:
    values = row_of(version, row) or {}
    name = values[image_column(find_solution(version.dataset.solution).inputs()).name]
    with open_media(version) as media:
        return thumbnail(media.read(name), side, name)
