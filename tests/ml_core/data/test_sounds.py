"""Sounds: what is decoded, and what is refused with its reason."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ml_core.data.log_mel import N_MELS, fitted, log_mel
from ml_core.data.sounds import Sound, read_sound, write_sound
from ml_core.errors import DataError


def wav(body: bytes, *, kind=1, channels=1, rate=8000, bits=16, promised=None, frame=None) -> bytes:
    frame = channels * bits // 8 if frame is None else frame
    head = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits)
    size = len(body) if promised is None else promised
    chunks = b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def tone(hertz: float, rate: int = 8000, seconds: float = 0.5) -> Sound:
    time = np.arange(round(rate * seconds)) / rate
    return Sound((0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32), rate)


HALF = [0.5, -0.25]


@pytest.mark.parametrize(
    ("bits", "kind", "body"),
    [
        (8, 1, bytes([192, 96])),
        (16, 1, struct.pack("<2h", 2**14, -(2**13))),
        (24, 1, (2**22).to_bytes(3, "little") + (-(2**21)).to_bytes(3, "little", signed=True)),
        (32, 1, struct.pack("<2i", 2**30, -(2**29))),
        (32, 3, struct.pack("<2f", *HALF)),
        (64, 3, struct.pack("<2d", *HALF)),
    ],
)
def test_every_usual_depth_gives_the_same_samples(bits, kind, body):
    sound = read_sound(wav(body, kind=kind, bits=bits))

    assert sound.samples.tolist() == pytest.approx(HALF)
    assert sound.rate == 8000


def test_channels_are_mixed_and_an_extensible_header_is_read():
    stereo = wav(struct.pack("<4h", 2**14, 0, -(2**14), -(2**14)), channels=2)
    head = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4, 1) + bytes(14)
    chunks = b"LIST\x03\x00\x00\x00abc\x00fmt " + struct.pack("<I", 40) + head
    extensible = b"RIFF\x00\x00\x00\x00WAVE" + chunks + b"data\x02\x00\x00\x00\x00\x40"

    assert read_sound(stereo).samples.tolist() == pytest.approx([0.25, -0.5])
    assert read_sound(extensible).samples.tolist() == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "be a WAV file"),
        (b"ID3\x04" + bytes(60), "be a WAV file"),
        (wav(b""), "at least one sample"),
        (wav(b"\0"), "at least one sample"),
        (wav(bytes(100))[:30], "be whole"),
        (wav(bytes(100), promised=2**31), "be whole"),
        (wav(bytes(100), promised=2**32 - 1), "be whole"),
        (wav(bytes(2 * 8000 * 31)), "last 30 s"),
        (wav(bytes(4000 * 3600), rate=4000, bits=8), "last 30 s at most. Got 3,600 s"),
        (wav(bytes(100), rate=0), "samples a second"),
        (wav(bytes(100), rate=1), "samples a second"),
        (wav(bytes(100), channels=0, frame=0), "channels"),
        (wav(bytes(100), channels=400), "channels"),
        (wav(bytes(100), bits=12), "integers of 8 to 32 bits"),
        (wav(bytes(100), kind=85), "integers of 8 to 32 bits"),
        (wav(bytes(100), frame=3), "by its own header"),
        (wav(struct.pack("<2f", float("nan"), 0), kind=3, bits=32), "finite"),
        (wav(bytes(100))[:36], "header and samples"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "header and samples"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(data, reason):
    with pytest.raises(DataError, match=reason):
        read_sound(data, "clip.wav")


def test_floats_beyond_full_scale_are_clipped():
    assert read_sound(wav(struct.pack("<f", 3e38), kind=3, bits=32)).samples.tolist() == [1.0]


def test_floats_whose_sum_no_number_holds_are_heard_as_numbers():
    moment = [1.7e308] * 4 + [-1.7e308] * 4

    sound = read_sound(wav(struct.pack("<8d", *moment), kind=3, bits=64, channels=8))

    assert sound.samples.tolist() == [0.0]


@pytest.mark.parametrize(("bits", "step"), [(8, 0.01), (16, 0.0001)])
def test_what_is_written_is_read_again(bits, step):
    sound = tone(440)

    again = read_sound(write_sound(sound, bits))

    assert np.abs(again.samples - sound.samples).max() < step


def test_silence_is_minus_one_and_a_tone_stands_at_its_pitch():
    quiet, low, high = (log_mel(s) for s in (tone(0), tone(400), tone(2000)))

    assert quiet.shape == (25, N_MELS)
    assert (quiet == -1).all()
    ends = 2595 * np.log10(1 + np.array([60, 7600]) / 700)
    hertz = 700 * (10 ** (np.linspace(*ends, N_MELS + 2) / 2595) - 1)
    for mels, pitch in ((low, 400), (high, 2000)):
        assert np.abs(hertz[1 + mels[10].argmax()] - pitch) < 120


def test_the_rate_does_not_change_what_is_heard():
    one, other = log_mel(tone(1000, 8000)), log_mel(tone(1000, 44100))

    loud = one[:20] > 0
    assert loud.any()
    assert np.abs(one[:20] - other[:20])[loud].max() < 0.1


def test_a_sound_is_fitted_with_silence_or_cut():
    mels = log_mel(tone(500))

    assert fitted(mels, 30).shape == (30, N_MELS)
    assert (fitted(mels, 30)[25:] == -1).all()
    assert (fitted(mels, 7) == mels[:7]).all()
