"""What the "try it" button of questions takes in: scenes with beeps, drawn when asked for."""

from __future__ import annotations

import polars as pl

from ml_core.data.sounds import read_sound
from solutions.tables import open_batch
from solutions.vqa import solution


def test_the_sample_has_a_sound_for_each_picture_and_asks_about_it(tmp_path):
    with open_batch(solution.sample(tmp_path), solution.inputs()) as batch:
        frame = batch.targets
        name = frame["sound"].drop_nulls()[0]
        clip = read_sound(batch.media.read(name), name)

    assert frame["picture"].n_unique() == frame["sound"].drop_nulls().n_unique() == 1000
    assert {"beeps", "pitch", "more_beeps", "count"} <= set(frame["kind"])
    assert clip.seconds == 2.0
    counted = frame.filter(pl.col("kind") == "beeps")["answer"]
    assert set(counted) == {"0", "1", "2", "3", "4"}


def test_the_shipped_clip_has_three_beeps(tmp_path):
    clip = read_sound((solution.demo().parent / "three-beeps.wav").read_bytes())

    loud = abs(clip.samples) > 0.2
    n_frames = len(loud) // 80
    frames = loud[: n_frames * 80].reshape(n_frames, 80).any(axis=1)
    assert int(((~frames[:-1]) & frames[1:]).sum() + frames[0]) == 3
