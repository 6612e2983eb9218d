"""Sounds as pictures of pitch over time: log-mel energies, in NumPy alone."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml_core.data.sounds import Sound

N_MELS = 40
FRAMES_PER_SECOND = 50
_WINDOW_S = 0.025
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7_600.0
_FLOOR = 1e-8


def log_mel(sound: Sound) -> NDArray[np.float32]:
    """Return how loud each pitch is, 50 times a second; silence is -1, a full tone about 1.

    With frames x_t of 25 ms, each under a Hann window w, and triangles B_m of equal width in mels,
    mel(f) = 2595 log10(1 + f / 700), between 60 and 7,600 Hz:

        E_tm = sum_f B_mf |DFT(w x_t)_f|^2 / (sum w)^2,   y_tm = log10(max(E_tm, 1e-8)) / 4 + 1

    Frames lie by time, not by samples, and energies are divided by the window: a sound gives the
    same picture at any rate, and pitches above half its rate are silent.

    Shapes: samples (n,) -> (ceil(50 n / rate), 40).
    Source: Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word
    recognition" (IEEE TASSP 28, 1980), section II; mels by O'Shaughnessy, "Speech communication"
    (1987), page 150. We depart in that no cosine transform follows, as networks want none.
    """
    length = max(4, round(_WINDOW_S * sound.rate))
    n_frames = -(-len(sound.samples) * FRAMES_PER_SECOND // sound.rate)
    starts = np.round(np.arange(n_frames) * sound.rate / FRAMES_PER_SECOND).astype(int)
    padded = np.pad(sound.samples, (0, length))
    window = np.hanning(length)
    n_fft = 1 << (length - 1).bit_length()
    power = np.empty((n_frames, n_fft // 2 + 1))
    for index, start in enumerate(starts):  # one frame at a time: a long sound stays small
        power[index] = np.abs(np.fft.rfft(padded[start : start + length] * window, n_fft)) ** 2
    energy = power @ _triangles(sound.rate, n_fft).T / window.sum() ** 2
    scaled: NDArray[np.float32] = (np.log10(np.maximum(energy, _FLOOR)) / 4 + 1).astype(np.float32)
    return scaled


def fitted(mels: NDArray[np.float32], n_frames: int) -> NDArray[np.float32]:
    """Return so many frames: silence is added, or the end left out. Shapes: -> (n_frames, 40)."""
    kept = mels[:n_frames]
    return np.pad(kept, ((0, n_frames - len(kept)), (0, 0)), constant_values=-1.0)


@cache
def _triangles(rate: int, n_fft: int) -> NDArray[np.float64]:
    """Return the weight of each frequency for each mel. Shapes: -> (40, n_fft / 2 + 1)."""
    first, last = (2595 * math.log10(1 + hertz / 700) for hertz in (_LOWEST_HZ, _HIGHEST_HZ))
    hertz = 700 * (10 ** (np.linspace(first, last, N_MELS + 2) / 2595) - 1)
    frequency = np.fft.rfftfreq(n_fft, 1 / rate)
    low, middle, high = (hertz[i : i + N_MELS, None] for i in range(3))
    rising, falling = (frequency - low) / (middle - low), (high - frequency) / (high - middle)
    weights: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return weights
