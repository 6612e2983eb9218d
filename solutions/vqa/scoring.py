"""Answering with a bundle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml_core.runtime.session import Session
from ml_core.tracking.run import NullRun, Run, stop_if_cancelled
from solutions import bundle
from solutions.api import Device, Options, Predictions, TableBatch
from solutions.vqa.options import AnswerSettings
from solutions.vqa.pictures import square
from solutions.vqa.schema import CANNOT_TELL
from solutions.vqa.words import known_share, to_ids

if TYPE_CHECKING:
    from pathlib import Path

    from ml_core.typing import FloatArray

CHUNK = 256
N_OTHERS = 3


class Preparation(bundle.Preparation):
    """What it can answer and read, by what to divide log-odds, and the side in pixels."""

    answers: tuple[str, ...]
    words: tuple[str, ...]
    temperature: float
    side: int


class VqaPredictor:
    """A loaded bundle."""

    def __init__(self, folder: Path, device: Device) -> None:
        prepared = Preparation.load(folder)
        self.answers, self.words = prepared.answers, prepared.words
        self.temperature, self.side = prepared.temperature, prepared.side
        self.session = Session(folder / "model.onnx", device, threads=2)

    def predict(
        self,
        batch: TableBatch,
        run: Run = NullRun(),  # noqa: B008  frozen, so one object serves all calls
        settings: Options | None = None,
    ) -> Predictions:
        """Answer, in chunks; each picture of a chunk is decoded once."""
        chosen = settings if isinstance(settings, AnswerSettings) else AnswerSettings()
        parts = []
        for start in range(0, max(1, len(batch)), CHUNK):
            stop_if_cancelled(run)
            rows = batch.targets.slice(start, CHUNK)
            parts.append(self._answer(rows, batch, chosen))
            run.progress(start + rows.height, len(batch), "questions")
        return Predictions(pl.concat(parts), {"abstain_below": chosen.abstain_below})

    def _answer(
        self, rows: pl.DataFrame, batch: TableBatch, settings: AnswerSettings
    ) -> pl.DataFrame:
        names = rows["picture"].unique(maintain_order=True).to_list()
        place = {name: index for index, name in enumerate(names)}
        shape = (len(names), 3, self.side, self.side)
        pictures = np.empty(shape, np.float32)
        for name, index in place.items():
            pictures[index] = square(batch.media, name, self.side)
        which = [place[name] for name in rows["picture"]]
        words = to_ids(rows["question"].to_list(), self.words)
        told = self.session.run({"picture": pictures[which] / 255, "words": words})
        return self._frame(
            told["odds"].astype(np.float64), told["looked"], known_share(words), settings
        )

    def _frame(
        self, odds: FloatArray, looked: Any, known: FloatArray, settings: AnswerSettings
    ) -> pl.DataFrame:
        odds = odds / self.temperature
        chance = np.exp(odds - odds.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        # A word that was never seen may have changed the meaning: it takes its share of trust.
        chance *= known[:, None]
        order = np.argsort(-chance, axis=1, kind="stable")[:, : N_OTHERS + 1]
        confidence = np.clip(chance.max(axis=1, initial=0.0), 0.0, 1.0)
        guess = [self.answers[row[0]] for row in order]
        unsure = confidence < settings.abstain_below
        others = [
            json.dumps(
                [[self.answers[i], round(float(p[i]), 4)] for i in row[1:]], ensure_ascii=False
            )
            for row, p in zip(order, chance, strict=True)
        ]
        return pl.DataFrame(
            {
                "score": 1 - confidence,
                "label": [CANNOT_TELL if no else g for no, g in zip(unsure, guess, strict=True)],
                "confidence": confidence,
                "alert": unsure,
                "guess": guess,
                "others": others,
                "looked": [_grid(row) for row in looked],
            },
            schema={
                **Predictions.CORE,
                "guess": pl.String,
                "others": pl.String,
                "looked": pl.String,
            },
        )


def _grid(looked: Any) -> str:
    """Write where it looked as rows of numbers, from 0 for the least to 1 for the most."""
    side = round(len(looked) ** 0.5)
    grid = np.asarray(looked, dtype=np.float64).reshape(side, side)
    grid = (grid - grid.min()) / max(float(np.ptp(grid)), 1e-9)
    return json.dumps(grid.round(2).tolist())
