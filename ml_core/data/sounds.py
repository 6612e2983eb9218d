"""Sounds from strangers: WAV files, measured by their header before they are decoded."""

from __future__ import annotations

import io
import struct
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SECONDS = 30
RATES = (4_000, 192_000)
MOST_CHANNELS = 8
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SAMPLES = {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)}


@dataclass(frozen=True, slots=True)
class Sound:
    """One channel. Shapes: samples (n,) in -1..1, `rate` of them a second."""

    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


class _Form(NamedTuple):
    """What a header says of its samples."""

    kind: int
    channels: int
    rate: int
    bits: int

    @property
    def frame(self) -> int:
        return self.channels * self.bits // 8


def read_sound(data: bytes, name: str = "sound") -> Sound:
    """Decode a WAV file: integers of 8 to 32 bits or floats, the mean of its channels.

    Raises: DataError: if it is no WAV, empty, too long, or its header does not fit its bytes.
    """
    form, body = _parts(data, name)
    n_frames = len(body) // form.frame
    if n_frames == 0:
        raise _bad(name, "have at least one sample", "none")
    if n_frames > MOST_SECONDS * form.rate:
        raise _bad(name, f"last {MOST_SECONDS} s at most", f"{n_frames / form.rate:,.0f} s")
    samples = _decoded(body[: n_frames * form.frame], form)
    if not np.isfinite(samples).all():
        raise _bad(name, "have finite samples", "some that are no numbers")
    # Cut before they are mixed: the sum of two channels may leave what a number can hold.
    mixed = np.clip(samples, -1.0, 1.0).reshape(n_frames, form.channels).mean(axis=1)
    return Sound(mixed.astype(np.float32), form.rate)


def write_sound(sound: Sound, bits: Literal[8, 16] = 8) -> bytes:
    """Return a WAV, the same each time: of 8 bits, which packs well, or of 16, which is finer."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(bits // 8)
        file.setframerate(sound.rate)
        if bits == 8:
            samples = (np.round(sound.samples * 127) + 128).astype(np.uint8)
        else:
            samples = np.round(sound.samples * 32_767).astype("<i2")
        file.writeframes(samples.tobytes())
    return out.getvalue()


def _parts(data: bytes, name: str) -> tuple[_Form, bytes]:
    """Return what the header says and the bytes of the samples, looking at each chunk once."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise _bad(name, "be a WAV file", "another form")
    place, form = 12, None
    while place + 8 <= len(data):
        kind, size = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        place += 8
        if size > len(data) - place:
            raise _bad(
                name, "be whole",
                f"a header that promises {size:,} bytes where {len(data) - place:,} are left",
            )  # fmt: skip
        chunk = data[place : place + size]
        if kind == b"fmt ":
            form = _form(chunk, name)
        elif kind == b"data" and form is not None:
            return form, chunk
        place += size + size % 2
    raise _bad(name, "have a header and samples", "a file without")


def _form(chunk: bytes, name: str) -> _Form:
    if len(chunk) < 16:
        raise _bad(name, "have a whole header", f"{len(chunk)} bytes of it")
    kind, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == _EXTENSIBLE and len(chunk) >= 26:
        kind = struct.unpack_from("<H", chunk, 24)[0]
    form = _Form(kind, channels, rate, bits)
    if (kind, bits) not in _SAMPLES:
        told = f"form {kind} of {bits} bits"
        raise _bad(name, "have integers of 8 to 32 bits or floats of 32 or 64", told)
    if not 1 <= channels <= MOST_CHANNELS:
        raise _bad(name, f"have 1 to {MOST_CHANNELS} channels", str(channels))
    if not RATES[0] <= rate <= RATES[1]:
        raise _bad(name, f"have {RATES[0]:,} to {RATES[1]:,} samples a second", f"{rate:,}")
    if frame != form.frame:
        raise _bad(name, f"have {form.frame} bytes a moment by its own header", str(frame))
    return form


def _decoded(body: bytes, form: _Form) -> NDArray[np.float64]:
    if form.kind == _FLOAT:
        return np.frombuffer(body, f"<f{form.bits // 8}").astype(np.float64)
    if form.bits == 8:
        return (np.frombuffer(body, np.uint8).astype(np.float64) - 128) / 128
    if form.bits == 24:  # the upper three bytes of four
        wide = np.zeros((len(body) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        body = wide.tobytes()
    width = 2 if form.bits == 16 else 4
    return np.frombuffer(body, f"<i{width}").astype(np.float64) / 2.0 ** (8 * width - 1)


def _bad(name: str, rule: str, got: str) -> DataError:
    message = f"A sound must {rule}. Got {got} in {name[:120]!r}. Save it again as a short WAV."
    return DataError(Issue("bad_sound", message))
