"""Draw castings as an X-ray shows them, with defects whose boxes are known.

    python -m solutions.casting.simulate --pictures 200 --side 192 --seed 1 --out castings.zip

A wall of uneven thickness with ribs and a bore, noise of the detector, and up to three defects of
five kinds: porosity (dark round spots), crack (a thin broken dark line), shrinkage (a dark ragged
cloud), cold shut (a soft bent seam), inclusion (a bright speck). Made up for trying and testing;
it stands for no alloy and no machine.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ml_core.data.archive import write_archive
from ml_core.data.labels import yolo
from ml_core.data.labels.box import Box
from ml_core.seed import generator
from solutions.casting.schema import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_DEFECTS = 3
MARGIN = 3
SIDE = 192


def casting(draws: np.random.Generator, side: int = SIDE) -> tuple[bytes, list[Box]]:
    """Draw one casting. Returns a JPEG and its boxes."""
    image = _wall(draws, side)
    boxes: list[Box] = []
    for _ in range(int(draws.integers(0, MOST_DEFECTS + 1))):
        kind = CLASSES[int(draws.integers(len(CLASSES)))]
        size = int(draws.integers(side // 10, side // 4))
        x, y = (int(v) for v in draws.integers(MARGIN, side - size - MARGIN, 2))
        if all(abs(x - b.x) > side // 4 or abs(y - b.y) > side // 4 for b in boxes):
            image, box = _with_defect(image, draws, kind, (x, y, size))
            boxes.append(box)
    noise = draws.normal(0, 2.5, (side, side))
    pixels = np.clip(np.asarray(image, dtype=np.float64) + noise, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=70)
    return out.getvalue(), boxes


def _wall(draws: np.random.Generator, side: int) -> Image.Image:
    """Return a grey wall with a slope, two ribs and a bore."""
    y, x = np.mgrid[:side, :side] / side
    slope = draws.uniform(-30, 30, 2)
    grey = 135 + slope[0] * (x - 0.5) + slope[1] * (y - 0.5)
    for place in draws.uniform(0.15, 0.85, 2):
        grey -= 18 * np.exp(-(((x if draws.random() < 0.5 else y) - place) ** 2) / 0.001)
    cx, cy, r = draws.uniform(0.2, 0.8), draws.uniform(0.2, 0.8), draws.uniform(0.06, 0.12)
    grey += 60 / (1 + np.exp((np.hypot(x - cx, y - cy) - r) * 200))
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def _with_defect(
    image: Image.Image, draws: np.random.Generator, kind: str, place: tuple[int, int, int]
) -> tuple[Image.Image, Box]:
    """Draw a defect on a layer of its own; its box is where the layer is not empty."""
    layer = Image.new("L", image.size, 0)
    _DRAWERS[kind](ImageDraw.Draw(layer), draws, *place)
    blur = {"shrinkage": 2.0, "cold_shut": 1.6}.get(kind, 0.6)
    layer = layer.filter(ImageFilter.GaussianBlur(blur))
    strength = np.asarray(layer, dtype=np.float64) / 255
    seen = np.argwhere(strength > 0.25)
    (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0) + 1
    depth = 55.0 if kind == "inclusion" else -55.0
    pixels = np.clip(np.asarray(image, dtype=np.float64) + depth * strength, 0, 255)
    box = Box(kind, float(left), float(top), float(right - left), float(bottom - top))
    return Image.fromarray(pixels.astype(np.uint8)), box


def _porosity(pen: ImageDraw.ImageDraw, draws: np.random.Generator, x: int, y: int, s: int) -> None:
    for _ in range(int(draws.integers(4, 9))):
        r = int(draws.integers(max(1, s // 12), max(2, s // 6) + 1))
        cx, cy = (int(v) for v in draws.integers(r, max(r + 1, s - r), 2))
        pen.ellipse((x + cx - r, y + cy - r, x + cx + r, y + cy + r), fill=255)


def _crack(pen: ImageDraw.ImageDraw, draws: np.random.Generator, x: int, y: int, s: int) -> None:
    steps = np.linspace(0, s, 7)
    wander = draws.normal(0, s / 14, 7).cumsum() + s / 2
    points = [(x + a, y + float(np.clip(b, 0, s))) for a, b in zip(steps, wander, strict=True)]
    if draws.random() < 0.5:
        points = [(x + b - y, y + a - x) for a, b in points]
    pen.line(points, fill=255, width=2)


def _shrinkage(
    pen: ImageDraw.ImageDraw, draws: np.random.Generator, x: int, y: int, s: int
) -> None:
    angles = np.sort(draws.uniform(0, 2 * np.pi, 14))
    radii = draws.uniform(0.2, 0.5, 14) * s
    points = [
        (x + s / 2 + r * np.cos(a), y + s / 2 + r * np.sin(a))
        for a, r in zip(angles, radii, strict=True)
    ]
    pen.polygon(points, fill=230)


def _cold_shut(
    pen: ImageDraw.ImageDraw, draws: np.random.Generator, x: int, y: int, s: int
) -> None:
    start = float(draws.uniform(0, 300))
    pen.arc((x, y, x + s, y + s), start, start + 110, fill=255, width=4)


def _inclusion(
    pen: ImageDraw.ImageDraw, draws: np.random.Generator, x: int, y: int, s: int
) -> None:
    w, h = (max(4, int(v)) for v in draws.integers(s // 4, s // 2 + 1, 2))
    pen.polygon(
        [(x, y + h // 2), (x + w // 2, y), (x + w, y + h // 3), (x + w // 2, y + h)], fill=255
    )


_DRAWERS = {
    "porosity": _porosity,
    "crack": _crack,
    "shrinkage": _shrinkage,
    "cold_shut": _cold_shut,
    "inclusion": _inclusion,
}


def castings(n: int, seed: int, side: int = SIDE) -> tuple[dict[str, bytes], dict[str, list[Box]]]:
    """Return pictures and boxes by name; four pictures show one part."""
    draws = generator(seed, "castings")
    pictures, boxes = {}, {}
    for index in range(n):
        name = f"images/part{index // 4:04d}_{index % 4}.jpg"
        pictures[name], boxes[name] = casting(draws, side)
    return pictures, boxes


def pack(pictures: dict[str, bytes], boxes: dict[str, list[Box]], side: int, path: Path) -> None:
    """Write pictures and YOLO labels as a ZIP that is the same each time."""
    labels = yolo.write([(name, side, side, drawn) for name, drawn in boxes.items()])
    write_archive(path, {**pictures, **{name: text.encode() for name, text in labels.items()}})


def main(arguments: Sequence[str] | None = None) -> None:
    """Write castings to a file."""
    parser = argparse.ArgumentParser(description="Draw castings with labelled defects.")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    pictures, boxes = castings(args.pictures, args.seed, args.side)
    pack(pictures, boxes, args.side, args.out)
    sys.stdout.write(f"{len(pictures):,} pictures: {args.out}\n")


if __name__ == "__main__":
    main()
