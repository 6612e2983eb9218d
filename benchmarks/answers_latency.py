# ruff: noqa: S101  a benchmark that measures something else must stop
"""Time of one answer by REST: a casting of 640 px, and a question about a picture not seen before.

    .venv/bin/python benchmarks/answers_latency.py [requests]

Starts the product as an installation runs it, trains small models on the demos, and asks one after
another over HTTP with an API key, from the request to the whole answer. Every picture is another.
What the model itself took is told beside it ("model"); the rest is everything else.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import requests
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._record import record
from solutions.casting import solution as casting
from solutions.casting.simulate import castings
from solutions.vqa import solution as vqa
from tests.e2e.product import Product
from tests.e2e.rest import Rest

if TYPE_CHECKING:
    from solutions.registry import AnySolution

N_REQUESTS = 200
N_WARM = 5
SIDE = 640
# A network of the asked size; how well it has learnt does not change how long it takes.
OPTIONS = {
    "casting": {"image_size": SIDE, "epochs": 1, "minutes": 1.0},
    "vqa": {"epochs": 1, "minutes": 1.0},
}
QUESTION = "How many red circles are there?"


def drawn(n: int) -> list[bytes]:
    """Draw castings of 640 px as JPEG, no two alike."""
    pictures, _ = castings(n, 7, SIDE)
    found = []
    for data in pictures.values():
        with Image.open(io.BytesIO(data)) as image:
            out = io.BytesIO()
            image.convert("RGB").save(out, "JPEG", quality=90)
            found.append(out.getvalue())
    return found


def trained(rest: Rest, solution: AnySolution) -> None:
    """Bring the demo and train on it."""
    version = rest.send_file("datasets/", solution.demo(), solution=solution.slug, name="Demo")
    rest.finish(version["job"])
    run = rest.post(
        f"solutions/{solution.slug}/trainings/",
        dataset_version=version["id"],
        options=OPTIONS[solution.slug],
    )
    rest.finish(run["job"], timeout_s=550)


def asked(url: str, token: str, slug: str, pictures: list[bytes]) -> dict[str, float]:
    """Ask about each picture, and return milliseconds by name."""
    row = {"question": QUESTION} if slug == "vqa" else {"part": "A-17"}
    took, model = [], []
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        for number, data in enumerate(pictures):
            began = time.perf_counter()
            answer = session.post(
                f"{url}/api/v1/solutions/{slug}/answers/",
                data={"row": json.dumps(row)},
                files={"picture": (f"p{number}.jpg", data)},
                timeout=60,
            )
            took.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 201, answer.text
            model.append(1000 * answer.json()["seconds"])
    name = "question" if slug == "vqa" else slug
    return _spread(f"{name}_", took[N_WARM:]) | _spread(f"{name}_model_", model[N_WARM:])


def _spread(name: str, values: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values, (50, 95))
    return {f"{name}p50_ms": round(float(p50), 1), f"{name}p95_ms": round(float(p95), 1)}


def main() -> int:
    """Measure both, and write them to `benchmarks/results/`."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else N_REQUESTS
    pictures = drawn(n + N_WARM)
    figures: dict[str, float] = {"requests": n, "side_px": SIDE}
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as home, Product(Path(home)) as product:
        product.make_people()
        token = product.make_key("alice@example.org")
        rest = Rest(product.url, token)
        for solution in (casting, vqa):
            trained(rest, solution)
        for solution in (casting, vqa):
            figures |= asked(product.url, token, solution.slug, pictures)
    for name, value in figures.items():
        print(f"{name:28} {value:8.1f}")
    record("answers_latency", seeds=[7], figures=figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
