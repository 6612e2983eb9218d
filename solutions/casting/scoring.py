"""Inspecting pictures with a bundle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml_core.runtime.session import Session
from ml_core.tracking.run import NullRun, Run, stop_if_cancelled
from solutions import bundle
from solutions.api import Device, Options, Predictions, TableBatch
from solutions.casting.decoding import decode
from solutions.casting.limits import PASS, verdict
from solutions.casting.options import CastingSettings
from solutions.casting.pictures import Fitted, fitted

if TYPE_CHECKING:
    from pathlib import Path

    from ml_core.data.media import Media


@dataclass(frozen=True, slots=True)
class Defect:
    """What was found, in pixels of the upright picture."""

    label: str
    confidence: float
    x: float
    y: float
    width: float
    height: float


class Preparation(bundle.Preparation):
    """The classes in the order of the network's outputs, and the side of its square in pixels.

    `clean_share` is how many of the pictures on which nothing was found show nothing indeed.
    """

    classes: tuple[str, ...]
    side: int
    clean_share: float = 1.0


class CastingPredictor:
    """A loaded bundle."""

    def __init__(self, folder: Path, device: Device, file: str = "") -> None:
        prepared = Preparation.load(folder)
        self.classes, self.side = prepared.classes, prepared.side
        self.clean_share = prepared.clean_share
        self.session = Session(folder / (file or prepared.network), device, threads=2)
        # Who draws what was found asks again for the picture that was just inspected.
        self._last: tuple[bytes, list[Defect]] = (b"", [])

    def predict(
        self,
        batch: TableBatch,
        run: Run = NullRun(),  # noqa: B008  frozen, so one object serves all calls
        settings: Options | None = None,
    ) -> Predictions:
        """Inspect the pictures, a few at a time."""
        chosen = settings if isinstance(settings, CastingSettings) else CastingSettings()
        names = batch.targets["picture"].to_list()
        rows: list[dict[str, Any]] = []
        for done, name in enumerate(names, 1):
            stop_if_cancelled(run)
            # One at a time: what else is in a batch may change the last digit of a sum.
            rows.append(_row(self._inspect(batch.media, name), chosen, self.clean_share))
            run.progress(done, len(names), "pictures")
        schema: dict[str, Any] = {
            **Predictions.CORE,
            "rule": pl.String,
            "n_found": pl.Int64,
            "found": pl.String,
        }
        return Predictions(pl.DataFrame(rows, schema=schema), chosen.model_dump(mode="json"))

    def _inspect(self, media: Media, name: str) -> list[Defect]:
        digest = sha256(media.read(name)).digest()
        known, found = self._last
        if known != digest:
            found = self._find(fitted(media, name, self.side))
            self._last = (digest, found)
        return found

    def _find(self, picture: Fitted) -> list[Defect]:
        told = self.session.run({"pictures": picture.pixels[None]})
        boxes, confidence, kinds = decode(told["boxes"][0], told["scores"][0], self.side)
        edge = np.array([picture.width, picture.height] * 2, dtype=np.float32)
        shift = np.array([picture.left, picture.top] * 2, dtype=np.float32)
        corners = np.clip((boxes - shift) / picture.scale, 0, edge)
        return [
            Defect(
                self.classes[kind], round(float(sure), 4), round(float(x1), 1), round(float(y1), 1),
                round(float(x2 - x1), 1), round(float(y2 - y1), 1),
            )
            for (x1, y1, x2, y2), sure, kind in zip(corners, confidence, kinds, strict=True)
        ]  # fmt: skip


def _row(defects: list[Defect], settings: CastingSettings, clean_share: float) -> dict[str, Any]:
    """Judge one picture. A pass is as sure as passes were, when the model was measured."""
    label, rule = verdict(defects, settings)
    score = max((d.confidence for d in defects), default=0.0)
    return {
        "score": score,
        "label": label,
        "confidence": min(1 - score, clean_share) if label == PASS else score,
        "alert": label != PASS,
        "rule": rule,
        "n_found": sum(d.confidence >= settings.review_from for d in defects),
        "found": json.dumps([asdict(d) for d in defects], ensure_ascii=False),
    }
