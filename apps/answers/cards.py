"""Answers as pages show them: the verdict with its tone, and what a person may say of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from apps.accounts.policies import can
from apps.catalog.services import solution as find_solution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from apps.accounts.models import User
    from apps.answers.models import Answer
    from ml_core.data.schema import Schema

COLOURS: Mapping[str, str] = {"good": "green", "warning": "yellow", "bad": "red"}


@dataclass(frozen=True, slots=True)
class SentSound:
    """A sound that was asked about; `title` is that of its column, `name` that of its file."""

    title: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Card:
    """One answer; `others` are the verdicts that it could have been."""

    answer: Answer
    colour: str
    has_label: bool
    may_correct: bool
    may_accept: bool
    inputs: list[tuple[str, Any]]
    sounds: list[SentSound]
    others: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def is_verdict(self) -> bool:
        """Whether the answer is one of few words."""
        return bool(self.others)

    @property
    def was_accepted(self) -> bool:
        """Whether a person has said that it was right."""
        return bool(self.answer.correction == self.answer.output.get("label"))


def card_of(answer: Answer, user: User, *, problem: str = "") -> Card:
    """Return what a page needs of one answer."""
    solution = find_solution(answer.solution)
    schema, said = solution.inputs(), answer.output.get("label")
    titles = {column.name: column.title for column in schema.columns}
    return Card(
        answer,
        COLOURS.get(solution.verdicts.get(str(said), ""), ""),
        has_label=schema.role("label") is not None,
        # Whoever has it before them may see it.
        may_correct=can(user, "answers.correct"),
        # To agree with "I cannot tell" says nothing of what is right.
        may_accept=bool(solution.verdicts) or not answer.output.get("alert"),
        inputs=[(titles.get(name, name), value) for name, value in answer.inputs.items()],
        sounds=_sounds(answer, solution.inputs()),
        others=[word for word in solution.verdicts if word != said],
        problem=problem,
    )


def _sounds(answer: Answer, schema: Schema) -> list[SentSound]:
    return [
        SentSound(
            column.title,
            answer.files[column.name]["name"].removeprefix(f"{column.name}/"),
            reverse("answers:file", args=[answer.pk, column.name]),
        )
        for column in schema.columns
        if column.kind == "audio" and column.name in answer.files
    ]


def cards_of(answers: Iterable[Answer], user: User) -> list[Card]:
    """Return the cards of a page."""
    return [card_of(answer, user) for answer in answers]
