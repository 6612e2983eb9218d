"""Words of questions as numbers."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from ml_core.nn.special_ids import PAD, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

LENGTH = 32
_WORD = re.compile(r"[^\W_]+")


def words_of(question: str) -> list[str]:
    """Return the words of a question, in any script, without case and signs."""
    return _WORD.findall(question.casefold())


def vocabulary(questions: Iterable[str]) -> list[str]:
    """Return the words that were seen, most frequent first."""
    counts: Counter[str] = Counter()
    for question in questions:
        counts.update(words_of(question))
    return [word for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]


def to_ids(questions: Sequence[str], known: Sequence[str]) -> NDArray[np.int64]:
    """Return ids, 0 where a question has ended; words after the 32nd are left out.

    Shapes: n questions -> (n, 32).
    """
    place = {word: index for index, word in enumerate(known, UNKNOWN + 1)}
    ids = np.full((len(questions), LENGTH), PAD, dtype=np.int64)
    for row, question in enumerate(questions):
        found = [place.get(word, UNKNOWN) for word in words_of(question)[:LENGTH]]
        ids[row, : len(found)] = found
    return ids


def known_share(questions: Sequence[str], is_known: Callable[[str], bool]) -> NDArray[np.float64]:
    """Return the share of a question's words that are known, and not left out at the end.

    Shapes: n questions -> (n,).
    """
    shares = np.zeros(len(questions))
    for row, question in enumerate(questions):
        words = words_of(question)
        shares[row] = sum(map(is_known, words[:LENGTH])) / max(1, len(words))
    return shares
