"""Questions as numbers, by our own words or by MiniLM; neither needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from ml_core.errors import ConfigError
from solutions.vqa.words import LENGTH, known_share, to_ids, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_core.device import Device
    from ml_core.typing import FloatArray

Kind = Literal["own", "minilm"]
NETWORK, TOKENS = "reader.onnx", "tokenizer.json"
_CHUNK = 64


class Reader(Protocol):
    """What brings questions to the network."""

    def read(self, questions: Sequence[str]) -> NDArray[Any]:
        """Return ids (n, 32), or states (n, 32, 384) of a frozen network."""
        ...

    def known_share(self, questions: Sequence[str]) -> FloatArray:
        """Return the share of a question's words that can be read. Shapes: -> (n,)."""
        ...


class OwnReader:
    """Words that were seen in training, by number."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words

    def read(self, questions: Sequence[str]) -> NDArray[Any]:
        """Return ids."""
        return to_ids(questions, self.words)

    def known_share(self, questions: Sequence[str]) -> FloatArray:
        """Return the share of words that were seen in training."""
        return known_share(questions, set(self.words).__contains__)


class MiniLmReader:
    """States of a frozen MiniLM that lies in the bundle: it also knows words never seen here.

    The bundle carries the network (91 MB), so that it answers where its package is not installed,
    and the same everywhere; what cuts words into pieces must be there.
    Raises: ConfigError: if the package tokenizers is not installed.
    """

    def __init__(self, folder: Path, words: Sequence[str], device: Device) -> None:
        from ml_core.runtime.session import Session  # noqa: PLC0415  heavy, and one reader's only

        self.words = set(words)
        self.cut = _tokenizer(folder / TOKENS)
        self.session = Session(folder / NETWORK, device, threads=2)

    def read(self, questions: Sequence[str]) -> NDArray[Any]:
        """Return states; each different question is read once."""
        different = list(dict.fromkeys(questions))
        place = {question: index for index, question in enumerate(different)}
        parts = [
            self.session.run({"words": self._ids(different[start : start + _CHUNK])})["states"]
            for start in range(0, max(1, len(different)), _CHUNK)
        ]
        return np.concatenate(parts)[[place[question] for question in questions]]

    def known_share(self, questions: Sequence[str]) -> FloatArray:
        """Return the share of words that were seen in training, or are whole words of MiniLM."""
        return known_share(questions, self._knows)

    def _knows(self, word: str) -> bool:
        return word in self.words or self.cut.token_to_id(word) is not None

    def _ids(self, questions: Sequence[str]) -> NDArray[np.int64]:
        cut = self.cut.encode_batch([" ".join(words_of(one)) for one in questions])
        return np.array([one.ids for one in cut], dtype=np.int64).reshape(len(questions), LENGTH)


def _tokenizer(path: Path) -> Any:
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415  of an extra
    except ImportError as error:
        message = (
            "The text encoder minilm must have what cuts its words. Got no package tokenizers. "
            'Install the extra with `pip install "assay[vqa]"`, or choose own.'
        )
        raise ConfigError(message) from error
    cut = Tokenizer.from_file(str(path))
    cut.enable_truncation(LENGTH)
    cut.enable_padding(length=LENGTH)
    return cut


def reader_of(kind: Kind, words: Sequence[str], folder: Path, device: Device = "auto") -> Reader:
    """Return the reader of a bundle folder."""
    makers: dict[Kind, Callable[[], Reader]] = {
        "own": lambda: OwnReader(words),
        "minilm": lambda: MiniLmReader(folder, words, device),
    }
    return makers[kind]()
