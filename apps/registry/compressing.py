"""What starts, keeps and ends the making of smaller models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import transaction
from django.http import Http404
from django.utils import timezone

from apps.accounts.policies import require
from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.experiments.services import read_options, require_same
from apps.jobs.models import State
from apps.jobs.services import enqueue
from apps.registry.models import Compression
from apps.registry.services import register_child
from ml_core.errors import ConfigError
from solutions import compression
from solutions.compression import STEPS, CompressOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from apps.accounts.models import User
    from apps.jobs.models import Job
    from apps.registry.models import ModelVersion


def offered(slug: str) -> tuple[str, ...]:
    """Return the steps that a solution has; none if it has gone."""
    try:
        return find_solution(slug).compressions
    except Http404:
        return ()


def why_not(model: ModelVersion) -> str:
    """Say why a model cannot be made smaller; nothing if it can."""
    if not offered(model.solution):
        return "This solution does not offer to make its models smaller."
    if model.run_id is None:
        return "This model was made from another one. Make that one smaller instead."
    return compression.why_not(model.card)


def start_compression(
    *, user: User, model: ModelVersion, options: Mapping[str, Any], token: str = ""
) -> Compression:
    """Put the making of a smaller model into the queue; the same token gives the same one.

    Raises: NotAllowedError, Http404: without the right. ConfigError: if it cannot be done.
    """
    require(user, "solutions.train", model)
    chosen = _checked(model, options)
    with transaction.atomic():
        found, is_new = Compression.objects.get_or_create(
            team=model.team,
            token=token or uuid4().hex,
            defaults={"created_by": user, "model": model, "options": chosen},
        )
        if is_new:
            _give_to_a_job(found, user)
    require_same(is_same=(found.model_id, found.options) == (model.pk, chosen))
    return found


def _checked(model: ModelVersion, options: Mapping[str, Any]) -> dict[str, Any]:
    reason = why_not(model)
    if reason:
        message = f"A model must be one that can be made smaller. Got {model}. {reason}"
        raise ConfigError(message)
    steps = offered(model.solution)
    absent = {step: False for step in STEPS if step not in steps}
    chosen = read_options(CompressOptions, absent | dict(options))
    taken = [step for step in STEPS if chosen[step]]
    if not taken or not set(taken) <= set(steps):
        message = (
            f"Steps must be chosen of {', '.join(steps)}. Got {', '.join(taken) or 'none'}. "
            "Choose at least one of them."
        )
        raise ConfigError(message)
    return chosen


def _give_to_a_job(found: Compression, user: User) -> None:
    model = found.model
    solution = find_solution(model.solution)
    found.job = enqueue(
        kind="compress",
        title=f"Make {solution.title} model {model.number} smaller",
        team=model.team,
        user=user,
        params={"compression": str(found.pk)},
        queue=solution.queue,
        solution=model.solution,
    )
    found.save(update_fields=["job"])
    record(
        "compression.started", actor=user, team=model.team, thing=model,
        compression=str(found.pk), options=found.options,
    )  # fmt: skip


def begin(found: Compression) -> None:
    """Set it to running; what an attempt left that died is forgotten."""
    found.state, found.started_at, found.finished_at = State.RUNNING, timezone.now(), None
    found.variants, found.chosen = [], ""
    found.save(update_fields=["state", "started_at", "finished_at", "variants", "chosen"])


def keep_table(found: Compression, variants: list[dict[str, Any]], chosen: str) -> None:
    """Keep all forms that were tried, also where none of them passed."""
    found.variants, found.chosen = variants, chosen
    found.save(update_fields=["variants", "chosen"])


def keep_model(found: Compression, bundle: Path, metrics: Mapping[str, float]) -> ModelVersion:
    """Register the form that passed as a candidate made from the original; call it fenced."""
    model = register_child(found.model, bundle, metrics, found.created_by)
    found.result, found.state, found.finished_at = model, State.SUCCEEDED, timezone.now()
    found.save(update_fields=["result", "state", "finished_at"])
    return model


def end(job: Job) -> None:
    """Give it the state in which its job ended, unless its model stands already."""
    still_open = Compression.objects.filter(job=job).exclude(state=State.SUCCEEDED)
    still_open.update(state=job.state, finished_at=timezone.now())
