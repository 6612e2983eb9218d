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
from solutions.vqa.hearing import Heard, hear
from solutions.vqa.options import AnswerSettings
from solutions.vqa.pictures import square
from solutions.vqa.reading import Kind, reader_of
from solutions.vqa.schema import CANNOT_TELL

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_core.data.media import Media
    from ml_core.typing import FloatArray

CHUNK = 256
N_OTHERS = 3


class Preparation(bundle.Preparation):
    """What it can answer and read, by what to divide log-odds, and the sizes that it takes.

    With no `frames` it hears nothing.
    """

    answers: tuple[str, ...]
    words: tuple[str, ...]
    temperature: float
    side: int
    reader: Kind = "own"
    frames: int = 0


class VqaPredictor:
    """A loaded bundle."""

    def __init__(self, folder: Path, device: Device, file: str = "") -> None:
        prepared = Preparation.load(folder)
        self.answers, self.words = prepared.answers, prepared.words
        self.temperature, self.side = prepared.temperature, prepared.side
        self.frames = prepared.frames
        self.reader = reader_of(prepared.reader, self.words, folder, device)
        self.session = Session(folder / (file or prepared.network), device, threads=2)

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
        facts = {"abstain_below": chosen.abstain_below, "hears": bool(self.frames)}
        return Predictions(pl.concat(parts), facts)

    def _answer(
        self, rows: pl.DataFrame, batch: TableBatch, settings: AnswerSettings
    ) -> pl.DataFrame:
        questions = rows["question"].to_list()
        trust = self.reader.known_share(questions)
        given: dict[str, NDArray[Any]] = {
            "picture": self._pictures(rows, batch.media), "words": self.reader.read(questions),
        }  # fmt: skip
        heard = np.zeros(rows.height, dtype=bool)
        if self.frames:
            heard = rows["sound"].is_not_null().to_numpy()
            sounds = self._sounds(rows, batch.media)
            trust = trust * sounds.share
            given |= {"sound": sounds.mels, "heard": heard}
        told = self.session.run(given)
        frame = self._frame(told["odds"].astype(np.float64), told["looked"], trust, settings)
        listened = [
            json.dumps(_scaled(row).tolist()) if ear else None
            for row, ear in zip(told.get("listened", told["looked"]), heard, strict=True)
        ]
        return frame.with_columns(listened=pl.Series(listened, dtype=pl.String))

    def _pictures(self, rows: pl.DataFrame, media: Media) -> NDArray[np.float32]:
        names = rows["picture"].unique(maintain_order=True).to_list()
        place = {name: index for index, name in enumerate(names)}
        pictures = np.empty((len(names), 3, self.side, self.side), np.float32)
        for name, index in place.items():
            pictures[index] = square(media, name, self.side) / np.float32(255)
        seen: NDArray[np.float32] = pictures[[place[name] for name in rows["picture"]]]
        return seen

    def _sounds(self, rows: pl.DataFrame, media: Media) -> Heard:
        """Return the sound of each row, silence where there is none."""
        names = rows["sound"].drop_nulls().unique(maintain_order=True).to_list()
        place = {name: index for index, name in enumerate(names, 1)}
        known = hear(media, names, self.frames)
        mels = np.concatenate([np.full_like(known.mels, -1.0, shape=(1, *known.mels.shape[1:])),
                               known.mels])  # fmt: skip
        which = [place.get(name, 0) for name in rows["sound"]]
        return Heard(mels[which], np.concatenate([[1.0], known.share])[which])

    def _frame(
        self, odds: FloatArray, looked: Any, trust: FloatArray, settings: AnswerSettings
    ) -> pl.DataFrame:
        odds = odds / self.temperature
        chance = np.exp(odds - odds.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        # A word that was never seen may have changed the meaning, and what was not heard too:
        # each takes its share of trust.
        chance *= trust[:, None]
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
    return json.dumps(_scaled(looked).reshape(side, side).tolist())


def _scaled(attention: Any) -> FloatArray:
    shares = np.asarray(attention, dtype=np.float64)
    scaled: FloatArray = (shares - shares.min()) / max(float(np.ptp(shares)), 1e-9)
    return scaled.round(2)
