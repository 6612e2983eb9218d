"""Sounds as the network takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ml_core.data.log_mel import FRAMES_PER_SECOND, N_MELS, fitted, log_mel
from ml_core.data.sounds import read_sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ml_core.data.media import Media


class Heard(NamedTuple):
    """Sounds of one length, and the share of each that fits into it."""

    mels: NDArray[np.float32]
    share: NDArray[np.float64]


def hear(media: Media, names: Sequence[str], n_frames: int) -> Heard:
    """Return sounds by name. Shapes: s names -> (s, n_frames, 40), (s,)."""
    mels = np.empty((len(names), n_frames, N_MELS), np.float32)
    share = np.ones(len(names))
    for index, name in enumerate(names):
        whole = log_mel(read_sound(media.read(name), name))
        mels[index] = fitted(whole, n_frames)
        share[index] = min(1.0, n_frames / len(whole))
    return Heard(mels, share)


def longest(media: Media, names: Iterable[str]) -> int:
    """Return the frames of the longest sound, in whole seconds; 0 where there is no sound."""
    seconds = [read_sound(media.read(name), name).seconds for name in names]
    return FRAMES_PER_SECOND * int(np.ceil(max(seconds, default=0.0)))
