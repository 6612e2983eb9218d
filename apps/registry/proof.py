"""What a decision rests on: the model as it stood then, its training, its data, the audit trail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from apps.accounts.policies import can
from apps.audit.evidence import evidence
from apps.experiments.models import TrainingRun
from apps.registry import signing
from apps.registry.models import Move, Stage
from ml_core.errors import ModelError
from ml_core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from apps.accounts.models import TeamOwned, User
    from apps.datasets.models import DatasetVersion
    from apps.registry.models import ModelVersion, StageChange

_MOVES = ("model.promoted", "model.rolled_back")
# What else is done to these things, such as a download, proves nothing of a decision.
_STEPS = (
    "scoring.started", "prediction.made", "answer.corrected", "training.started",
    "model.registered", "model.retired", "model.restored", "model.signed_anew", *_MOVES,
    "dataset.received", "dataset.mapped", "dataset.ready", "dataset.frozen",
    "dataset.quarantined",
)  # fmt: skip
_SAID = ("label", "score", "confidence", "alert")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model said of one row; `thing` is the result or the answer that keeps it."""

    thing: TeamOwned
    model: ModelVersion
    at: datetime
    said: Mapping[str, Any]
    settings: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)  # column -> SHA-256
    row: int | None = None
    version: DatasetVersion | None = None
    review: Mapping[str, Any] | None = None


def proof_of(decision: Decision, user: User) -> dict[str, Any]:
    """Return the proof of a decision as plain data; a page and the REST interface show the same.

    Whoever may see the decision may see what it rests on. The audit events are for those who
    may read the trail.
    """
    model = decision.model
    runs = TrainingRun.objects.select_related("dataset_version__dataset", "created_by")
    run: TrainingRun | None = runs.filter(pk=model.run_id).first() if model.run_id else None
    changes = list(model.changes.filter(at__lte=decision.at).select_related("by"))
    return {
        "decision": {
            **plain({name: decision.said.get(name) for name in _SAID}),
            "at": decision.at,
            "facts": plain(dict(decision.facts)),
            "review": decision.review,
        },
        "asked": _asked(decision),
        "model": _model(model, changes),
        "training": _training(run) if run is not None else None,
        "audit": _trail(decision, run, changes, user) if can(user, "audit.view") else None,
    }


def _asked(decision: Decision) -> dict[str, Any]:
    thing, version = decision.thing, decision.version
    return {
        "by": mail(thing.created_by),
        "at": thing.created_at,
        "settings": dict(decision.settings),
        "row": decision.row,
        "dataset": _data(version, version.sha256) if version is not None else None,
        "inputs": dict(decision.inputs),
        "files": dict(decision.files),
    }


def _model(model: ModelVersion, changes: Sequence[StageChange]) -> dict[str, Any]:
    promotion = next((one for one in reversed(changes) if one.stage == Stage.LIVE), None)
    return {
        "id": str(model.pk),
        "url": model.get_absolute_url(),
        "solution": model.solution,
        "number": model.number,
        "signature": model.signature,
        "signature_holds": _is_as_signed(model),
        "stage_now": model.stage,
        "stage_then": changes[-1].stage if changes else None,
        "came_to_it": _change(changes[-1]) if changes else None,
        "promotion": _change(promotion) if promotion is not None else None,
    }


def _is_as_signed(model: ModelVersion) -> bool:
    try:
        signing.check(model)
    except ModelError:
        return False
    return True


def _change(change: StageChange) -> dict[str, Any]:
    return {
        "at": change.at,
        "move": change.move,
        "by": mail(change.by),
        "reason": change.reason,
    }


def _training(run: TrainingRun) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "url": run.get_absolute_url(),
        "by": mail(run.created_by),
        "at": run.created_at,
        "seed": run.seed,
        "code_version": run.code_version,
        "options": run.options,
        "dataset": _data(run.dataset_version, run.data_sha256),
    }


def _data(version: DatasetVersion, sha256: str) -> dict[str, Any]:
    return {
        "id": str(version.pk),
        "url": version.get_absolute_url(),
        "name": version.dataset.name,
        "number": version.number,
        "sha256": sha256,
        "is_unchanged": version.sha256 == sha256,
    }


def _trail(
    decision: Decision, run: TrainingRun | None, changes: Sequence[StageChange], user: User
) -> dict[str, Any]:
    """Return the events of the decision itself, and what had been done to the rest before it."""
    rest = [decision.model.pk]
    if run is not None:
        rest += [run.pk, run.dataset_version_id]
    if decision.version is not None:
        rest.append(decision.version.pk)
    before = Q(thing_id__in=[str(key) for key in rest], at__lte=decision.at)
    # That a model was replaced is told by the event of the one that took its place.
    others = [str(one.other_id) for one in changes if one.move == Move.REPLACED]
    if others:
        before |= Q(
            thing_id__in=others, action__in=_MOVES, summary__retired=str(decision.model.pk),
            at__lte=decision.at,
        )  # fmt: skip
    return evidence(user, Q(thing_id=str(decision.thing.pk)) | before, _STEPS)


def mail(person: User | None) -> str | None:
    """Return by what a person is named in the trail."""
    return person.email if person is not None else None
