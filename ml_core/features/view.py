"""What a feature view is: whose past, over which windows, described how."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from datetime import date

    from ml_core.data.schema import Schema

Statistic = Literal["count", "sum", "mean", "min", "max", "std"]
Mode = Literal["full", "incremental", "backfill"]
MODES: tuple[Mode, ...] = get_args(Mode)
STATISTICS: tuple[str, ...] = get_args(Statistic)

SECOND = 1_000_000  # times are whole microseconds
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
EARLIER = 1  # a delay of one microsecond leaves out the moment itself and its ties
LONGEST = 10 * 366 * DAY
_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"), (1, "us"))
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
# Goes into every hash: another way to compute makes other features of the same definition.
_METHOD = 1


@dataclass(frozen=True, slots=True)
class Aggregation:
    """Statistics of one column over windows (t - delay - w, t - delay] before a moment t.

    `column` is None where rows are counted. A missing value takes no part in any statistic. With
    the usual delay of a microsecond a row sees strictly earlier ones; a longer one holds back what
    is not known at once, such as a label. Windows and delay are microseconds.
    """

    name: str
    column: str | None
    windows: tuple[int, ...]
    statistics: tuple[Statistic, ...] = ("count",)
    delay: int = EARLIER

    def __post_init__(self) -> None:
        _check_name("The name of an aggregation", self.name)
        unknown = [name for name in self.statistics if name not in STATISTICS]
        if unknown or not self.statistics or len(set(self.statistics)) < len(self.statistics):
            _refuse("statistics", f"some of {', '.join(STATISTICS)}, each once", self.statistics)
        if self.column is None and self.statistics != ("count",):
            _refuse("statistics without a column", "count alone", self.statistics)
        if not self.windows or any(not 0 < window <= LONGEST for window in self.windows):
            _refuse("windows", f"1 to {LONGEST} microseconds each", self.windows)
        if len(set(self.windows)) < len(self.windows):
            _refuse("windows", "each another", self.windows)
        if not 0 <= self.delay <= LONGEST:
            _refuse("delay", f"0 to {LONGEST} microseconds", self.delay)

    @property
    def horizon(self) -> int:
        """How far back this looks, in microseconds."""
        return self.delay + max(self.windows)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features: by window, then by statistic."""
        return tuple(
            f"{self.name}_{statistic}_{span(window)}"
            for window in self.windows
            for statistic in self.statistics
        )


@dataclass(frozen=True)
class FeatureView:
    """Features of one kind of entity, as known at any moment; `owner` is a solution's slug.

    `entity` and `time` name columns, and `key` the one by which an event is known again when it
    comes twice or is corrected; without one every row counts as another event.
    """

    name: str
    title: str
    description: str
    owner: str
    entity: str
    aggregations: tuple[Aggregation, ...]
    time: str = "time"
    key: str | None = None

    def __post_init__(self) -> None:
        _check_name("The name of a feature view", self.name)
        if not self.aggregations:
            _refuse("aggregations", "one at least", "none")
        if not (self.title and self.description):
            _refuse("title and description", "given", "nothing")
        taken = [self.entity, self.time, *([self.key] if self.key else [])]
        names = [*self.features, *taken]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            _refuse("features", "names of their own", twice)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Names of all features, in the order of their columns."""
        return tuple(name for one in self.aggregations for name in one.features)

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Names of the columns that are counted or summed, each once."""
        named = [one.column for one in self.aggregations if one.column is not None]
        return tuple(dict.fromkeys(named))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that must be there."""
        key = (self.key,) if self.key else ()
        return tuple(dict.fromkeys((self.entity, self.time, *key, *self.values)))

    @cached_property
    def horizon(self) -> int:
        """How far back any feature looks, in microseconds."""
        return max(one.horizon for one in self.aggregations)

    @cached_property
    def version(self) -> str:
        """Digest of all that decides the figures; titles and descriptions do not."""
        meant = {
            "method": _METHOD,
            "columns": [self.entity, self.time, self.key],
            "aggregations": [asdict(one) for one in self.aggregations],
        }
        return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the definition as plain JSON, as lineage keeps it."""
        told = {
            "name": self.name,
            "owner": self.owner,
            "entity": self.entity,
            "time": self.time,
            "key": self.key,
            "aggregations": [asdict(one) for one in self.aggregations],
            "version": self.version,
        }
        return dict(json.loads(json.dumps(told)))

    def check(self, schema: Schema) -> None:
        """Compare with the columns of a solution.

        Raises: ConfigError: if one is missing, or is of a kind that cannot play its part.
        """
        kinds = {column.name: column.kind for column in schema.columns}
        allowed = {name: {"number", "flag"} for name in self.values} | {self.time: {"time"}}
        for name in self.columns:
            wanted = allowed.get(name, {"id", "category", "text"})
            if kinds.get(name) not in wanted:
                _refuse(
                    f"column {name} of the view {self.name}",
                    f"one of the kinds {', '.join(sorted(wanted))}",
                    kinds.get(name, "no such column"),
                )


def check_range(mode: str, start: date | None, end: date | None) -> None:
    """Compare a range of days with the mode that it is for.

    Raises: ConfigError: if it is the wrong way round, or belongs to another mode.
    """
    if mode not in MODES:
        message = f"The mode must be one of {', '.join(MODES)}. Got {mode!r}. Choose one."
        raise ConfigError(message)
    if mode != "backfill" and (start or end):
        message = (
            f"A range must be given to a backfill alone. Got one for {mode}. "
            "Leave it out, or choose backfill."
        )
        raise ConfigError(message)
    if start and end and start > end:
        message = f"A range must end after it starts. Got {start} to {end}. Turn it round."
        raise ConfigError(message)


def span(window: int) -> str:
    """Write a length of time shortly: "28d", "1h", "90s"."""
    size, unit = next(one for one in _UNITS if window % one[0] == 0)
    return f"{window // size}{unit}"


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        _refuse(what, "1 to 48 of a-z, 0-9 and _, a letter first", name)


def _refuse(what: str, rule: str, got: object) -> None:
    message = f"{what[:1].upper()}{what[1:]} must be {rule}. Got {got}. Correct the definition."
    raise ConfigError(message)
