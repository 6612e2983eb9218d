"""The table of rights in words, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from apps.accounts.models import Role
from apps.accounts.policies import RIGHTS, SCOPES

WORDS = {
    "pages.view": "Log in and see the dashboard",
    "solutions.view": "See the solutions",
    "solutions.train": "Train a model",
    "solutions.score": "Score a dataset, ask about a row or a picture",
    "datasets.view": "See datasets of the own teams",
    "datasets.upload": "Upload data and confirm its mapping",
    "datasets.label": "Draw boxes and freeze them as labels",
    "datasets.delete": "Delete a dataset",
    "features.view": "See feature views, and look up the features of an entity",
    "features.materialise": "Compute the features of a dataset",
    "runs.view": "See trainings",
    "models.view": "See models and their cards",
    "models.promote": "Make a model live, or roll it back",
    "results.view": "See results",
    "results.download": "Download results",
    "answers.correct": "Say what an answer should have been",
    "jobs.view": "See jobs and workers",
    "jobs.cancel": "Cancel a job",
    "jobs.retry": "Retry a job",
    "schedules.view": "See when models are trained again",
    "schedules.manage": "Decide when models are trained again",
    "audit.view": "Read the audit trail",
    "access.view": "See by a program who has access: people, teams, keys",
    "settings.profile": "Change the own profile",
    "settings.keys": "Make API keys for oneself",
    "users.manage": "Manage people, teams and everybody's keys",
    "monitoring.view": "See health, storage use and metrics",
    "encryption.rotate": "Bring all files under a new key",
    "settings.storage": "Measure storage and remove files that belong to nothing",
}
ROLE_WORDS = {
    Role.ANALYST: "Works with data, models and results of the own teams",
    Role.ENGINEER: "Builds models for the own teams",
    Role.INTEGRATOR: "Connects programs: uploads and scores, trains nothing",
    Role.APPROVER: "Makes models live, as the second pair of eyes",
    Role.AUDITOR: "Reads everything of all teams, changes nothing",
    Role.ADMIN: "Keeps the house: people, teams, health; sees all teams",
}


@dataclass(frozen=True, slots=True)
class Right:
    """One line of the table."""

    action: str
    words: str
    is_scope: bool
    roles: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Rights on one kind of thing."""

    title: str
    rights: tuple[Right, ...]


def table() -> list[Group]:
    """Return all rights, by the kind of thing that they are about."""
    by_thing = groupby(RIGHTS, key=lambda action: action.partition(".")[0])
    return [
        Group(thing.capitalize(), tuple(_right(action) for action in actions))
        for thing, actions in by_thing
    ]


def words_for(action: str) -> str:
    """Return what a right lets one do; its own name, where nobody has said it."""
    return WORDS.get(action) or action.replace(".", ": ").replace("_", " ").capitalize()


def _right(action: str) -> Right:
    return Right(
        action, words_for(action), action in SCOPES, tuple(role in RIGHTS[action] for role in Role)
    )
