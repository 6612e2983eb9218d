"""Pictures and boxes in memory, and the changes by which one picture becomes many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from ml_core.data.labels.box import from_text
from ml_core.seed import generator
from ml_core.tracking.run import stop_if_cancelled
from ml_core.train.group import mine
from solutions.casting.pictures import GREY, fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from ml_core.tracking.run import Run
    from solutions.api import TableBatch

SCALE, SHIFT, LIGHT = 0.3, 0.1, 0.3
LEAST_SEEN = 0.25  # of a box's area, or it is no longer that thing


@dataclass(frozen=True, slots=True)
class Lesson:
    """Shapes: pixels (n, 3, side, side) u8; boxes each (k, 5): class, then corners in 0..1."""

    pixels: NDArray[np.uint8]
    boxes: tuple[NDArray[np.float32], ...]

    def __len__(self) -> int:
        return len(self.boxes)


def lesson_of(batch: TableBatch, classes: Sequence[str], side: int, run: Run) -> Lesson:
    """Read all pictures of a batch; boxes of classes that were never seen are left out."""
    place = {name: index for index, name in enumerate(classes)}
    pixels = np.empty((len(batch), 3, side, side), np.uint8)
    boxes = []
    rows = batch.targets.select("picture", "boxes").iter_rows()
    for index, (name, cell) in enumerate(rows):
        stop_if_cancelled(run)
        picture = fitted(batch.media, name, side)
        pixels[index] = np.rint(picture.pixels * 255)
        shift = np.array([picture.left, picture.top] * 2)
        known = [b for b in from_text(cell) or [] if b.label in place]
        corners = np.array([[b.x, b.y, b.x + b.width, b.y + b.height] for b in known]).reshape(
            -1, 4
        )
        kinds = np.array([place[b.label] for b in known]).reshape(-1, 1)
        inside = (corners * picture.scale + shift) / side
        boxes.append(np.concatenate([kinds, inside], axis=1).astype(np.float32))
    return Lesson(pixels, tuple(boxes))


def changed(
    lesson: Lesson, rows: NDArray[np.int64], seed: int, step: tuple[int, int]
) -> dict[str, Tensor]:
    """Return some pictures, each flipped, moved, scaled and lit at random, as the loss wants them.

    The same seed and step give the same changes. Where several ranks learn together, each gets
    its share of the rows, changed as they would be for one alone.
    """
    draws = generator(seed, "changes", *step)
    n = len(rows)
    flips = np.where(draws.random((n, 2)) < 0.5, -1.0, 1.0)
    zoom = 1 + draws.uniform(-SCALE, SCALE, n)
    shift = draws.uniform(-SHIFT, SHIFT, (n, 2)) * 2
    light = 1 + draws.uniform(-LIGHT, LIGHT, n)
    own = mine(np.arange(n))
    rows, flips, light = rows[own], flips[own], light[own]
    zoom, shift = zoom[own], shift[own]
    # grid_sample asks where each new pixel comes from: old = new * flip / zoom + shift, in -1..1.
    matrix = np.zeros((len(rows), 2, 3), np.float32)
    matrix[:, 0, 0], matrix[:, 1, 1] = flips[:, 0] / zoom, flips[:, 1] / zoom
    matrix[:, :, 2] = shift
    pictures = torch.from_numpy(lesson.pixels[rows]).float() - GREY
    grid = functional.affine_grid(
        torch.from_numpy(matrix), list(pictures.shape), align_corners=False
    )
    moved = functional.grid_sample(pictures, grid, align_corners=False) + GREY
    lit = moved * torch.from_numpy(light.astype(np.float32)).view(-1, 1, 1, 1) / 255
    targets = [_moved(lesson.boxes[row], flips[i], zoom[i], shift[i]) for i, row in enumerate(rows)]
    return {"pictures": lit.clamp(0, 1), **as_targets(targets)}


def _moved(
    boxes: NDArray[np.float32], flip: NDArray[np.float64], zoom: float, shift: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Move boxes as their picture was; leave out those of which little is left."""
    if not len(boxes):
        return boxes
    before = (boxes[:, 1:] * 2 - 1).reshape(-1, 2, 2)
    corners = (before - shift) * zoom * flip
    low, high = corners.min(axis=1), corners.max(axis=1)
    area = (high - low).prod(axis=1)
    low, high = np.clip(low, -1, 1), np.clip(high, -1, 1)
    seen = (high - low).prod(axis=1) >= LEAST_SEEN * area
    inside = (np.concatenate([low, high], axis=1) + 1) / 2
    moved: NDArray[np.float32] = np.concatenate([boxes[:, :1], inside], axis=1)[seen]
    return moved.astype(np.float32)


def as_targets(boxes: Sequence[NDArray[np.float32]]) -> dict[str, Tensor]:
    """Return boxes of several pictures as the loss wants them: middles and sizes in 0..1."""
    which = np.concatenate([np.full(len(b), i, np.float32) for i, b in enumerate(boxes)])
    rows = np.concatenate(boxes).reshape(-1, 5)
    low, high = rows[:, 1:3], rows[:, 3:5]
    return {
        "batch_idx": torch.from_numpy(which),
        "cls": torch.from_numpy(rows[:, 0].copy()),
        "bboxes": torch.from_numpy(np.concatenate([(low + high) / 2, high - low], axis=1)),
    }
