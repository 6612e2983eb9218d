"""Pictures that show the same: by a print of their gradients that survives scaling and JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ml_core.data.inspection.finding import N_EXAMPLES, Finding
from ml_core.data.pictures import grey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_core.typing import IntArray

    Prints = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]

NEAR = 8  # bits of 128 that may differ
_SIDE = 8
_STEP = 2  # grey levels below which two fields count as the same: noise on an even ground
_BLOCK = 2**21  # pairs at a time: 32 MiB
_WORDS = {0: "training", 1: "validation", 2: "test"}


def print_of(data: bytes, name: str = "picture") -> tuple[int, int]:
    """Return 128 bits that say where a picture grows brighter, to the right and downwards.

    Raises: DataError: if it is no picture, or too large.
    Source: Krawetz, "Kind of like that" (2013): difference hash; both directions, and a dead zone
    of two grey levels, are ours, for castings on an even ground.
    """
    field = grey(data, (_SIDE + 1, _SIDE + 1), name).astype(np.int16)
    right = field[:_SIDE, 1:] - field[:_SIDE, :-1] > _STEP
    down = field[1:, :_SIDE] - field[:-1, :_SIDE] > _STEP
    bits = (np.packbits(part.ravel()) for part in (right, down))
    first, second = (int.from_bytes(part.tobytes(), "big") for part in bits)
    return first, second


def near_groups(prints: Sequence[tuple[int, int]], *, near: int = NEAR) -> list[list[int]]:
    """Return groups of places whose prints differ in at most `near` bits, in a chain.

    Prints that differ in `near` bits agree in at least one of `near + 1` bands, so only those that
    share a band are compared: memory grows with the prints, not with their pairs.

    Shapes: n pairs of 64 bits -> groups of two or more of the numbers below n.
    """
    if not prints:
        return []
    unique, places = np.unique(np.array(prints, dtype=np.uint64), axis=0, return_inverse=True)
    links = [_links_of_band(unique, band, near) for band in _bands(near + 1)]
    parts = _components(len(unique), np.concatenate(links))
    groups: dict[int, list[int]] = {}
    for at, part in enumerate(parts[places.ravel()]):
        groups.setdefault(int(part), []).append(at)
    return [group for group in groups.values() if len(group) > 1]


def _bands(n: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, 128, n + 1).astype(int)
    return [(int(start), int(stop)) for start, stop in pairwise(edges)]


def _links_of_band(prints: Prints, band: tuple[int, int], near: int) -> IntArray:
    bits = np.unpackbits(prints.astype(">u8").view(np.uint8).reshape(len(prints), 16), axis=1)
    packed = np.packbits(bits[:, band[0] : band[1]], axis=1)
    _, keys = np.unique(packed, axis=0, return_inverse=True)
    order = np.argsort(keys.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(keys.ravel()[order], append=-1)) + 1
    found = [np.empty((0, 2), np.int64)]
    start = 0
    for end in ends:
        if end - start > 1:
            found += _near_pairs(prints, order[start:end], near)
        start = int(end)
    return np.concatenate(found)


def _near_pairs(prints: Prints, members: IntArray, near: int) -> list[IntArray]:
    """Compare the members of a bucket, some of them with all at a time."""
    found = []
    held = prints[members]
    step = max(1, _BLOCK // len(members))
    for start in range(0, len(members), step):
        apart = np.bitwise_count(held[start : start + step, None] ^ held[None]).sum(axis=2)
        one, other = np.nonzero(apart <= near)
        is_new = one + start < other
        found.append(np.column_stack([members[one[is_new] + start], members[other[is_new]]]))
    return found


def _components(n: int, links: IntArray) -> IntArray:
    from scipy.sparse import coo_matrix  # noqa: PLC0415  jobs alone need it
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    graph = coo_matrix((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(n, n))
    parts: IntArray = connected_components(graph, directed=False)[1]
    return parts


@dataclass(frozen=True, slots=True)
class Picture:
    """A file with its print and the rows that speak of it."""

    name: str
    rows: tuple[int, ...]
    bits: tuple[int, int]


def like_pictures(
    pictures: Sequence[Picture], column: str, parts: Mapping[str, set[int]] | None = None
) -> list[Finding]:
    """Tell pictures that show the same; `parts` says of each into which parts a split puts it."""
    groups = [[pictures[at] for at in group] for group in near_groups([p.bits for p in pictures])]
    found = []
    if groups:
        n = sum(len(group) - 1 for group in groups)
        message = (
            f"Pictures of {column} should differ. Got {n:,} that show the same as an earlier one, "
            f"in {len(groups):,} groups."
        )
        advice = "Look at them. Keep one of each, or see to it that a group stays in one part."
        found.append(Finding("like_pictures", "warning", message, advice, column, n, _rows(groups)))
    crossing = [group for group in groups if len(_parts(group, parts or {})) > 1]
    if crossing:
        found.append(_crossing(crossing, column, parts or {}))
    return found


def _crossing(
    groups: Sequence[Sequence[Picture]], column: str, parts: Mapping[str, set[int]]
) -> Finding:
    met = sorted({part for group in groups for part in _parts(group, parts)})
    message = (
        f"What {column} shows must lie in one part of the data. Got {len(groups):,} groups of like "
        f"pictures in more than one of {', '.join(_WORDS[part] for part in met)}."
    )
    advice = (
        "Name the part that each picture shows, so that it is cut by that, or keep one of each: a "
        "model is else examined on what it has learnt by heart."
    )
    n = sum(len(group) for group in groups)
    return Finding("same_in_parts", "error", message, advice, column, n, _rows(groups))


def _parts(group: Sequence[Picture], parts: Mapping[str, set[int]]) -> set[int]:
    return set().union(*(parts.get(picture.name, set()) for picture in group))


def _rows(groups: Sequence[Sequence[Picture]]) -> tuple[int, ...]:
    rows = sorted(picture.rows[0] for group in groups for picture in group)
    return tuple(rows[:N_EXAMPLES])
