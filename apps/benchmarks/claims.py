"""Claims and the figures that decide them; knows no Django, so that a script may collect them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date  # noqa: TC003  pydantic reads it
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

DEFINITIONS = Path(__file__).with_name("claims.toml")
LARGEST_RESULT_BYTES = 1 << 20
Verdict = Literal["reached", "missed", "measured", "unmeasured"]
Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_WORDS = {"least": "at least", "most": "at most", "above": "more than"}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Claim(_Strict):
    """One thing that is claimed, where its figure stands, and what that must be."""

    name: Name
    title: str
    result: Name
    figure: str
    command: str
    minus: str = ""
    times: Number = 1.0
    least: Number | str | None = None
    most: Number | str | None = None
    above: Number | str | None = None
    published: Number | None = None
    source: str = ""
    format: str = ".3f"
    unit: str = ""

    @model_validator(mode="after")
    def _has_one_bound_at_most(self) -> Claim:
        given = [name for name in _WORDS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{self.name} must have one bound at most, not {given}")
        return self

    @property
    def side(self) -> str | None:
        """Which side of its bound is good: "least", "most" or "above"; None without a bound."""
        return next((name for name in _WORDS if getattr(self, name) is not None), None)

    def told(self, value: float | None) -> str:
        """Write a figure of this claim as people read it, "" for none."""
        if value is None:
            return ""
        shown = format(value, self.format)
        return f"{shown} {self.unit}" if len(self.unit) > 1 else shown + self.unit


class Group(_Strict):
    """Claims about one subject."""

    title: str
    note: str = ""
    claim: tuple[Claim, ...]


class Definitions(_Strict):
    """The whole file of definitions."""

    group: tuple[Group, ...]


class Result(BaseModel):
    """What a benchmark has left; a stranger may have written the file."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    command: Annotated[str, Field(max_length=1000)]
    device: Annotated[str, Field(max_length=500)]
    date: date
    figures: dict[str, Number]


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim beside what was measured; `trouble` says why a file gave no figure."""

    claim: Claim
    verdict: Verdict
    value: float | None = None
    bound: float | None = None
    device: str = ""
    date: date | None = None
    command: str = ""
    trouble: str = ""

    @property
    def value_words(self) -> str:
        """The measured figure with its unit."""
        return self.claim.told(self.value)

    @property
    def published_words(self) -> str:
        """The published figure with its unit."""
        return self.claim.told(self.claim.published)

    @property
    def bound_words(self) -> str:
        """What the figure must be, "" without a bound."""
        side = self.claim.side
        if side is None:
            return ""
        bound = getattr(self.claim, side) if self.bound is None else self.bound
        if isinstance(bound, str):
            return f"{_WORDS[side]} the {bound.replace('_', ' ')} of the same run"
        return f"{_WORDS[side]} {self.claim.told(bound)}"


@dataclass(frozen=True, slots=True)
class JudgedGroup:
    """A group of claims, judged."""

    title: str
    note: str
    claims: tuple[Judged, ...]


@cache
def definitions(file: Path = DEFINITIONS) -> Definitions:
    """Read what is claimed."""
    return Definitions.model_validate(tomllib.loads(file.read_text("utf-8")))


def judged(results: Path, said: Definitions | None = None) -> list[JudgedGroup]:
    """Put every claim beside the figure that a folder of results has for it."""
    read: dict[str, Result | str] = {}
    groups = []
    for group in (said or definitions()).group:
        for claim in group.claim:
            if claim.result not in read:
                read[claim.result] = _result(results / f"{claim.result}.json")
        claims = tuple(judge(claim, read[claim.result]) for claim in group.claim)
        groups.append(JudgedGroup(group.title, group.note, claims))
    return groups


def judge(claim: Claim, result: Result | str) -> Judged:
    """Say whether a claim is reached; a text instead of a result says why there is none."""
    if isinstance(result, str):
        return Judged(claim, "unmeasured", command=claim.command, trouble=result)
    missing = [name for name in _needed(claim) if name not in result.figures]
    if missing:
        trouble = f"{claim.result}.json has no {', '.join(missing)}."
        return Judged(claim, "unmeasured", command=claim.command, trouble=trouble)
    less = result.figures[claim.minus] if claim.minus else 0.0
    value = (result.figures[claim.figure] - less) * claim.times
    bound = _bound(claim, result)
    return Judged(
        claim, _verdict(claim.side, value, bound), value, bound, result.device, result.date,
        result.command,
    )  # fmt: skip


def all_claims(groups: list[JudgedGroup]) -> list[Judged]:
    """Return the claims of all groups."""
    return [one for group in groups for one in group.claims]


def counts(groups: list[JudgedGroup]) -> dict[Verdict, int]:
    """Count the claims by verdict."""
    found: dict[Verdict, int] = {"reached": 0, "missed": 0, "measured": 0, "unmeasured": 0}
    for one in all_claims(groups):
        found[one.verdict] += 1
    return found


def _needed(claim: Claim) -> list[str]:
    named = getattr(claim, claim.side) if claim.side else None
    wanted = [claim.figure, claim.minus, named if isinstance(named, str) else ""]
    return [name for name in wanted if name]


def _bound(claim: Claim, result: Result) -> float | None:
    said = getattr(claim, claim.side) if claim.side else None
    return result.figures[said] if isinstance(said, str) else said


def _verdict(side: str | None, value: float, bound: float | None) -> Verdict:
    if side is None or bound is None:
        return "measured"
    is_reached = {"least": value >= bound, "most": value <= bound, "above": value > bound}[side]
    return "reached" if is_reached else "missed"


def _result(file: Path) -> Result | str:
    try:
        if file.stat().st_size > LARGEST_RESULT_BYTES:
            return f"{file.name} is larger than a result can be."
        return Result.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{file.name} cannot be read: {error.strerror}."
    except ValidationError:
        return f"{file.name} is no result of a benchmark. Run its command again."
