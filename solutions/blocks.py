"""What a solution shows: a report of blocks, plain data that any page can draw."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Tone = Literal["neutral", "good", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Number:
    """One figure with its unit; `hint` says how to read it."""

    kind: ClassVar[str] = "number"
    title: str
    value: float | int | None
    unit: str = ""
    format: str = ",.0f"
    hint: str = ""
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph in words, plain text; a blank line starts a new paragraph."""

    kind: ClassVar[str] = "text"
    title: str
    text: str
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. `formats` gives a Python format per column, "" for text."""

    kind: ClassVar[str] = "table"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | bool | None]]
    formats: Sequence[str] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line or set of bars: a value for each x."""

    name: str
    x: Sequence[float | str]
    y: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines, bars or points over one x axis; `x_kind` is how x is read."""

    kind: ClassVar[str] = "chart"
    title: str
    series: Sequence[Series]
    form: Literal["line", "bar", "scatter"] = "line"
    x_title: str = ""
    y_title: str = ""
    x_kind: Literal["value", "category", "time", "log"] = "value"
    y_kind: Literal["value", "log"] = "value"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a score is what it is: a sentence and its weight (positive raises the score)."""

    text: str
    weight: float
    feature: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Reasons:
    """Reasons, strongest first; `unit` says what a weight counts."""

    kind: ClassVar[str] = "reasons"
    title: str
    reasons: Sequence[Reason]
    unit: str = "log-odds"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One moment on a timeline; `at` is ISO 8601 in UTC, `value` its height."""

    at: str
    value: float
    title: str
    tone: Tone = "neutral"
    current: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events in time, with an optional band of what is usual."""

    kind: ClassVar[str] = "timeline"
    title: str
    events: Sequence[Event]
    unit: str = ""
    usual_low: float | None = None
    usual_high: float | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A thing in a graph; `group` chooses its shape and colour and is named in the legend."""

    id: str
    title: str
    group: str
    tone: Tone = "neutral"
    current: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A tie between two nodes."""

    source: str
    target: str
    title: str = ""
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True)
class Graph:
    """Things and their ties."""

    kind: ClassVar[str] = "graph"
    title: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Region:
    """A box on a picture, in its pixels: found by a model, and how sure it is; or the truth."""

    label: str
    x: float
    y: float
    width: float
    height: float
    confidence: float = 1.0
    tone: Tone = "bad"
    is_truth: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the row, with boxes, and a grid of heat from 0 to 1 where a model looked.

    `picture` is the name that the row gives it; the page knows where it is kept. `width` and
    `height` are those of the upright picture.
    """

    kind: ClassVar[str] = "picture"
    title: str
    picture: str
    width: int
    height: int
    regions: Sequence[Region] = ()
    heat: Sequence[Sequence[float]] = ()
    hint: str = ""


Block = Number | Text | Table | Chart | Reasons | Timeline | Graph | Picture
KINDS: frozenset[str] = frozenset(
    kind.kind for kind in (Number, Text, Table, Chart, Reasons, Timeline, Graph, Picture)
)


@dataclass(frozen=True, slots=True)
class Report:
    """Blocks in reading order."""

    blocks: Sequence[Block] = field(default_factory=tuple)

    def to_json(self) -> list[Mapping[str, Any]]:
        """Return plain lists and mappings, each block with its `kind`."""
        return [{"kind": block.kind, **asdict(block)} for block in self.blocks]
