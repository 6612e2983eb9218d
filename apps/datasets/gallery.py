"""Pictures of a dataset version as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.catalog.services import solution as find_solution
from apps.datasets.services import load_page, open_media
from ml_core.data.labels.box import from_text
from ml_core.data.labels.read import image_column
from ml_core.data.pictures import thumbnail

if TYPE_CHECKING:
    from apps.datasets.models import DatasetVersion
    from ml_core.data.schema import Schema
    from ml_core.typing import Frame

SMALL_SIDE = 240
WHOLE_SIDE = 4096


@dataclass(frozen=True, slots=True)
class Card:
    """A picture in a list; `n_boxes` is None where nobody has looked yet."""

    row: int
    name: str
    n_boxes: int | None
    words: str


def gallery_cards(schema: Schema, frame: Frame) -> list[Card]:
    """Return a card for each row."""
    image = image_column(schema).name
    boxes = next((c.name for c in schema.columns if c.kind == "boxes"), None)
    texts = [c.name for c in schema.columns if c.kind in ("text", "category")]
    return [
        Card(
            int(row["row"]),
            str(row[image]),
            _count(row.get(boxes) if boxes else None),
            " · ".join(str(row[name]) for name in texts if row.get(name)),
        )
        for row in frame.to_dicts()
    ]


def _count(cell: str | None) -> int | None:
    boxes = from_text(cell)
    return None if boxes is None else len(boxes)


def picture_of(version: DatasetVersion, row: int, side: int) -> bytes | None:
    """Return a JPEG of the picture that a row speaks of, or None if there is none."""
    if not (version.is_ready and version.has_pictures and 1 <= row <= (version.n_rows or 0)):
        return None
    image = image_column(find_solution(version.dataset.solution).inputs()).name
    name = load_page(version, row - 1, 1)[image][0]
    with open_media(version) as media:
        return thumbnail(media.read(name), side, name)
