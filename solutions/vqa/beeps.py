"""Clips of beeps, and questions about them, alone or beside a drawn scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_core.data.sounds import Sound, write_sound

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE = 8_000
SECONDS = 2.0
MOST_BEEPS = 4
_SLOT_S, _BEEP_S, _FADE_S = 0.4, 0.15, 0.01
_HERTZ = {"low": (300.0, 500.0), "high": (1_200.0, 2_000.0)}
_MIXED = 0.15
_NOISE = 0.01

# The last wording of each kind is held back for the measurement of unseen wordings.
WORDINGS: dict[str, tuple[str, ...]] = {
    "beeps": (
        "How many beeps are there?",
        "What is the number of beeps?",
        "How many beeps can you hear?",
    ),
    "pitch": (
        "Is the beep high or low?",
        "Are the beeps high or low?",
        "High or low: what are the beeps?",
    ),
    "more_beeps": (
        "Are there more beeps than {s}s?",
        "Do the beeps outnumber the {s}s?",
        "Is the number of beeps above that of {s}s?",
    ),
}


@dataclass(frozen=True, slots=True)
class Beep:
    """One tone; it begins at `start_s`, and is "low" or "high"."""

    start_s: float
    pitch: str


def beeps(draws: np.random.Generator) -> list[Beep]:
    """Place none to four beeps that do not touch; now and then of both pitches."""
    n_slots = round(SECONDS / _SLOT_S)
    slots = np.sort(draws.choice(n_slots, int(draws.integers(MOST_BEEPS + 1)), replace=False))
    shared = str(draws.choice(list(_HERTZ)))
    is_mixed = draws.random() < _MIXED
    return [
        Beep(
            float(slot * _SLOT_S + draws.uniform(0, _SLOT_S - _BEEP_S - 0.1)),
            str(draws.choice(list(_HERTZ))) if is_mixed else shared,
        )
        for slot in slots
    ]


def sound_of(clip: Sequence[Beep], draws: np.random.Generator) -> bytes:
    """Return a clip as WAV: tones of one loudness over a faint noise."""
    samples = draws.normal(0, _NOISE, round(RATE * SECONDS))
    time = np.arange(round(RATE * _BEEP_S)) / RATE
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / _FADE_S)
    loud = draws.uniform(0.3, 0.9)
    for beep in clip:
        tone = loud * fade * np.sin(2 * np.pi * draws.uniform(*_HERTZ[beep.pitch]) * time)
        start = round(beep.start_s * RATE)
        samples[start : start + len(tone)] += tone
    return write_sound(Sound(np.clip(samples, -1, 1).astype(np.float32), RATE))


def pitch_of(clip: Sequence[Beep]) -> str | None:
    """Return the pitch of all beeps; of none or of both nobody can tell."""
    pitches = {beep.pitch for beep in clip}
    return pitches.pop() if len(pitches) == 1 else None
