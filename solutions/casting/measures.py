"""How well defects are found: mean average precision, recall, and verdicts.

Source: COCO's evaluation (Lin et al., ECCV 2014): 101 points of recall, overlaps of 0.50 to 0.95 in
steps of 0.05, each truth matched once, by the surest box first. No limit by size or area is set.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_core.data.labels.box import from_text
from solutions.casting.decoding import overlap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ml_core.typing import FloatArray
    from solutions.api import Predictions, TableBatch

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
Boxes = dict[str, list[list[float]]]  # by class: x1 y1 x2 y2 [confidence]


def figures(predictions: Predictions, batch: TableBatch) -> Mapping[str, float]:
    """Measure pictures that somebody has looked at; nothing where nobody has."""
    truths, found = [], []
    for cell, seen in zip(batch.targets["boxes"], predictions.frame["found"], strict=True):
        known = from_text(cell)
        if known is not None:
            truths.append(by_class([_corners(b) for b in known], [b.label for b in known]))
            found.append(_told(json.loads(seen)))
    if not any(truths):
        return {}
    table = average_precisions(truths, found)
    return {
        "map50": float(np.mean([row[0] for row in table.values()])),
        "map50_95": float(np.mean([row.mean() for row in table.values()])),
        "recall50": recall(truths, found),
    }


def average_precisions(truths: Sequence[Boxes], found: Sequence[Boxes]) -> dict[str, FloatArray]:
    """Return, for each class that there is, average precision at each overlap. -> class: (10,)."""
    kinds = sorted({kind for one in truths for kind in one})
    return {kind: _one_class(kind, truths, found) for kind in kinds}


def _one_class(kind: str, truths: Sequence[Boxes], found: Sequence[Boxes]) -> FloatArray:
    n_true = sum(len(one.get(kind, [])) for one in truths)
    confidences, hits = [], []
    for true, seen in zip(truths, found, strict=True):
        boxes = sorted(seen.get(kind, []), key=lambda box: -box[4])
        confidences += [box[4] for box in boxes]
        hits.append(_matched(true.get(kind, []), boxes))
    if not confidences:
        return np.zeros(len(OVERLAPS))
    order = np.argsort(-np.array(confidences), kind="stable")
    hit = np.concatenate(hits)[order]
    n_hit = hit.cumsum(axis=0)
    precision = n_hit / np.arange(1, len(hit) + 1)[:, None]
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    return np.array([_area(n_hit[:, i] / n_true, envelope[:, i]) for i in range(len(OVERLAPS))])


def _area(recalls: FloatArray, envelope: FloatArray) -> float:
    place = np.searchsorted(recalls, RECALLS, side="left")
    known = place < len(recalls)
    return float(np.where(known, envelope[np.minimum(place, len(recalls) - 1)], 0.0).mean())


def _matched(
    true: Sequence[Sequence[float]], boxes: Sequence[Sequence[float]]
) -> NDArray[np.bool_]:
    """Tell which boxes find a truth of their own, at each overlap. Shapes: -> (boxes, 10)."""
    hit = np.zeros((len(boxes), len(OVERLAPS)), dtype=bool)
    if not true or not boxes:
        return hit
    truths = np.array(true, dtype=np.float32)
    shared = np.stack([overlap(np.array(box[:4], dtype=np.float32), truths) for box in boxes])
    for column, least in enumerate(OVERLAPS):
        free = np.ones(len(truths), dtype=bool)
        for row in range(len(boxes)):
            best = int(np.where(free, shared[row], -1).argmax())
            if free[best] and shared[row, best] >= least:
                free[best], hit[row, column] = False, True
    return hit


def recall(truths: Sequence[Boxes], found: Sequence[Boxes], least: float = 0.25) -> float:
    """Return the share of true boxes that a box of this confidence finds at overlap 0.5."""
    n_true = n_hit = 0
    for true, seen in zip(truths, found, strict=True):
        for kind, boxes in true.items():
            sure = sorted((b for b in seen.get(kind, []) if b[4] >= least), key=lambda b: -b[4])
            n_true += len(boxes)
            n_hit += int(_matched(boxes, sure)[:, 0].sum())
    return n_hit / max(1, n_true)


def _corners(box: Any) -> list[float]:
    return [box.x, box.y, box.x + box.width, box.y + box.height]


def _told(seen: Sequence[Mapping[str, Any]]) -> Boxes:
    rows = [
        [b["x"], b["y"], b["x"] + b["width"], b["y"] + b["height"], b["confidence"]] for b in seen
    ]
    return by_class(rows, [b["label"] for b in seen])


def by_class(rows: Sequence[list[float]], labels: Sequence[str]) -> Boxes:
    """Sort boxes by their class. Shapes: rows (n, 4 or 5), labels (n,)."""
    found: Boxes = {}
    for row, label in zip(rows, labels, strict=True):
        found.setdefault(label, []).append(row)
    return found
