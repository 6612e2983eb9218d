"""The last K earlier events of an entity, as they were known at each moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernels._checks import check_column, check_range, check_whole_number
from kernels._dispatch import UNMEASURED, Device, Kernel, register, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

# 2**62 keeps `time - delay` inside 64 bits.
_LONGEST = 2**62


def temporal_neighbors(  # noqa: PLR0913
    entity: NDArray[np.int64],
    time: NDArray[np.int64],
    k: int,
    *,
    delay: int = 0,
    query_entity: NDArray[np.int64] | None = None,
    query_time: NDArray[np.int64] | None = None,
    device: Device = "auto",
) -> NDArray[np.int64]:
    """Find, for each query, the last k events of its entity that were known by then.

    Without a delay an event is known if its time is strictly before that of the query, so an event
    is never its own neighbour and events of the same moment do not see each other. With a delay
    d > 0 it is known if its time is at most that of the query less d. Newest first; of
    events of the same time the one with the higher row is newer; -1 fills up where there are fewer
    than k.

    Shapes: entity (n,), time (n,), query_entity (m,), query_time (m,) -> (m, k). O(n log n) to
    sort, O(n) if each entity's rows come in order of time; O(log n + k) for a query.

    Args:
        entity: whose event it is; any 64-bit numbers.
        time: when; any unit, that of `delay`.
        k: how many neighbours, at least 1.
        delay: how old an event must be before it is known.
        query_entity: whose neighbours are asked for; the events themselves by default.
        query_time: when they are asked for; given with `query_entity` or not at all.
        device: where to compute.

    Raises:
        TypeError: if a column has another type.
        ValueError: if shapes, k or the delay are out of range, or only half a query is given.
        DeviceError: if `device` is "cuda" and there is none.

    Source: our own; the as-of rule is that of temporal graph networks (Rossi et al., 2020,
    arXiv:2006.10637, section 3, "most recent" sampling), with the delay added.
    """
    check_column("entity", entity, np.int64)
    check_column("time", time, np.int64, like=entity)
    check_range("time", time, _LONGEST)
    check_whole_number("`k`", k, least=1, most=2**31)
    check_whole_number("`delay`", delay, least=0, most=_LONGEST)
    if (query_entity is None) != (query_time is None):
        raise ValueError(
            "`query_entity` and `query_time` must be given together. Got one. Pass both or none."
        )
    if query_entity is None or query_time is None:
        query_entity, query_time = entity, time
    check_column("query_entity", query_entity, np.int64)
    check_column("query_time", query_time, np.int64, like=query_entity)
    check_range("query_time", query_time, _LONGEST)
    size = len(entity) + len(query_entity)
    return run(
        _KERNEL,
        entity,
        time,
        query_entity,
        query_time,
        int(k),
        int(delay),
        size=size,
        device=device,
    )


def _cases(rng: Generator) -> Iterator[tuple[Any, ...]]:
    for n, n_entities, k in ((0, 1, 2), (1, 1, 1), (37, 1, 5), (120, 5, 3), (256, 200, 16)):
        entity = rng.integers(0, n_entities, n)
        # Few distinct times make ties; unsorted rows and negative times come with them.
        time = rng.integers(-40, 40, n)
        yield entity, time, entity, time, k, 0
        yield entity, time, entity, time, k, 7
        asked = rng.integers(-2, n_entities + 2, 50)
        yield entity, time, asked, rng.integers(-50, 50, 50), k, 0
        far, far_asked = entity * 2**55 - 2**60, asked * 2**55 - 2**60
        yield far, np.sort(time), far_asked, rng.integers(-50, 50, 50), k, 1


_KERNEL = register(
    Kernel(
        name="temporal_neighbors",
        module=__name__,
        cases=_cases,
        # Row numbers are whole: twins agree or are wrong.
        rtol=0.0,
        atol=0.0,
        gpu_min_size=UNMEASURED,
    )
)
