"""Make docs/pictures of what the tutorials' tests saw: `make pictures`."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SEEN = ROOT / "test-results" / "screens"
# The steps of the tutorials that show most of the product.
WANTED = {
    "tutorial-fraud-4": "fraud-model",
    "tutorial-fraud-5": "fraud-result",
    "tutorial-fraud-6": "fraud-alert",
    "tutorial-castings-2": "castings-data",
    "tutorial-castings-5": "castings-verdict",
    "tutorial-questions-6": "questions-thread",
}
MOST_BYTES = 150_000


def keep(source: Path, target: Path) -> int:
    """Write a picture with as many colours as its size allows; returns its bytes."""
    picture = Image.open(source).convert("RGB")
    for colours in (256, 128, 64, 32):
        picture.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size <= MOST_BYTES:
            break
    return target.stat().st_size


if __name__ == "__main__":
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    missing = [name for name in WANTED if not (SEEN / f"{name}.png").is_file()]
    for name in WANTED.keys() - missing:
        target = folder / f"{WANTED[name]}.png"
        size = keep(SEEN / f"{name}.png", target)
        sys.stdout.write(f"{target.relative_to(ROOT)} {size:,} bytes\n")
    if missing:
        sys.exit(f"The tests of the tutorials must have run. They left no {', '.join(missing)}.")
