"""What makes and changes policies, and what a run of one comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Team
from apps.accounts.policies import require
from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.datasets.errors import ConflictError
from apps.experiments.services import LARGEST_SEED, checked_options
from apps.experiments.window import read_window
from apps.registry.figures import BESIDE
from apps.schedules.cron import Cron
from apps.schedules.due import begin, has_open_run, locked
from apps.schedules.labels import latest_ready
from apps.schedules.models import (
    Outcome,
    Policy,
    ScheduleRun,
    Trigger,
    new_token,
    told,
)
from ml_core.errors import ConfigError, NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.accounts.models import User
    from apps.datasets.models import Dataset
    from solutions.api import Metric, Solution

LONGEST_BUDGET_MIN = 7 * 24 * 60
CHANGEABLE = (
    "name", "dataset", "trigger", "cron", "zone", "n_labels", "window", "options", "seed",
    "budget_min", "metric", "min_gain", "must_be_sure", "outcome",
)  # fmt: skip


def gate_metrics(solution: Solution[Any]) -> list[Metric]:
    """Return the figures that a gate may decide by: those of a model, not of its baseline."""
    return [metric for metric in solution.metrics if not metric.name.startswith(BESIDE)]


def metric_of(solution: Solution[Any], name: str) -> Metric:
    """Return a declared figure of a solution. Raises: ConfigError: if it has none of that name."""
    known = {metric.name: metric for metric in gate_metrics(solution)}
    if name not in known:
        message = (
            f"The gate must compare by a figure of the solution: {', '.join(known)}. "
            f"Got {name[:80]!r}. Choose one."
        )
        raise ConfigError(message)
    return known[name]


def create(*, user: User, dataset: Dataset, token: str = "", **said: Any) -> Policy:
    """Make a policy; the same token gives the same one.

    Raises: NotAllowedError, Http404: without the right. ConfigError: naming what cannot be.
    """
    require(user, "schedules.manage")
    require(user, "solutions.train")
    require(user, "datasets.view", dataset)
    policy = Policy(team=dataset.team, created_by=user, solution=dataset.solution)
    _set(policy, {**said, "dataset": dataset})
    policy.token = token or new_token()
    policy.changed_by = user
    policy.base_version = latest_ready(policy)
    with transaction.atomic():
        # The row of the team is the lock under which a second click finds what the first made.
        Team.objects.select_for_update().get(pk=policy.team_id)
        known: Policy | None = Policy.objects.filter(team=policy.team, token=policy.token).first()
        if known is not None:
            return known
        policy.save(force_insert=True)
        record(
            "schedule.created", actor=user, team=policy.team, thing=policy,
            before=None, after=told(policy),
        )  # fmt: skip
    return policy


@transaction.atomic
def change(*, user: User, policy: Policy, **said: Any) -> Policy:
    """Change a policy, which from then on acts for this person; an approval is for what was.

    Raises: NotAllowedError, Http404: without the right. ConfigError: naming what cannot be.
    """
    require(user, "schedules.manage", policy)
    require(user, "solutions.train")
    if "dataset" in said:
        require(user, "datasets.view", said["dataset"])
    policy = _kept(policy)
    before = told(policy)
    base = policy.dataset_id
    _set(policy, said)
    if policy.dataset_id != base:
        policy.base_version, policy.base_at = latest_ready(policy), timezone.now()
    after = told(policy)
    if after != before:
        policy.approved_by = policy.approved_at = None
    policy.counted, policy.n_new_labels = {}, None
    policy.changed_by, policy.changed_at = user, timezone.now()
    policy.save()
    record(
        "schedule.changed", actor=user, team=policy.team, thing=policy, before=before, after=after
    )
    return policy


def _set(policy: Policy, said: Mapping[str, Any]) -> None:
    """Set what was said, checked as a whole."""
    for name in CHANGEABLE:
        if name in said:
            setattr(policy, name, said[name])
    solution = find_solution(policy.solution)
    policy.metric = metric_of(solution, policy.metric or gate_metrics(solution)[0].name).name
    policy.options = checked_options(policy.solution, policy.options)
    policy.window = read_window(policy.window, solution.inputs())
    _require_plausible(policy)
    if policy.trigger == Trigger.CLOCK:
        cron = Cron.read(policy.cron, policy.zone)
        policy.cron = cron.text
        policy.next_at = next(cron.after(timezone.now()), None)
    else:
        policy.next_at = None


def _require_plausible(policy: Policy) -> None:
    checks = (
        (bool(policy.name.strip()), "The name of a policy must say something. Got none. Name it."),
        (
            policy.dataset.solution == policy.solution and policy.dataset.team_id == policy.team_id,
            "The dataset must be one of the same team and solution. It is not. Choose another.",
        ),
        (
            policy.trigger != Trigger.LABELS or policy.n_labels >= 1,
            f"A policy by labels must ask for at least one. Got {policy.n_labels}. Say how many.",
        ),
        (
            0 <= policy.seed <= LARGEST_SEED,
            f"A seed must be 0 to {LARGEST_SEED}. Got {policy.seed}. Choose another.",
        ),
        (
            1 <= policy.budget_min <= LONGEST_BUDGET_MIN,
            f"A budget must be 1 to {LONGEST_BUDGET_MIN} minutes. Got {policy.budget_min}.",
        ),
        (
            0 <= policy.min_gain < float("inf"),
            f"The least gain must be 0 or more. Got {policy.min_gain}. Choose another.",
        ),
    )
    wrong = " ".join(message for holds, message in checks if not holds)
    if wrong:
        raise ConfigError(wrong)


@transaction.atomic
def pause(*, user: User, policy: Policy) -> Policy:
    """Let a policy rest; a run that has begun ends as it would."""
    return _rest(user, policy, paused=True)


@transaction.atomic
def resume(*, user: User, policy: Policy) -> Policy:
    """Let a policy go on; what came due while it rested is not made up for."""
    return _rest(user, policy, paused=False)


def _rest(user: User, policy: Policy, *, paused: bool) -> Policy:
    require(user, "schedules.manage", policy)
    policy = _kept(policy)
    before = policy.state
    if policy.is_paused == paused:
        return policy
    policy.is_paused = paused
    if policy.trigger == Trigger.CLOCK and not paused:
        cron = Cron.read(policy.cron, policy.zone)
        policy.next_at = next(cron.after(timezone.now()), None)
    policy.save(update_fields=["is_paused", "next_at"])
    record(
        "schedule.paused" if paused else "schedule.resumed",
        actor=user, team=policy.team, thing=policy,
        before={"state": before}, after={"state": policy.state},
    )  # fmt: skip
    return policy


@transaction.atomic
def delete(*, user: User, policy: Policy) -> None:
    """End a policy for good; a run that has begun ends as it would.

    One that never ran goes away. One that has stays readable, and is listed no more.
    Raises: NotAllowedError, Http404: without the right.
    """
    require(user, "schedules.manage", policy)
    policy = locked(policy.pk)
    if policy.deleted_at is not None:
        return
    record(
        "schedule.deleted", actor=user, team=policy.team, thing=policy,
        before=told(policy), after=None,
    )  # fmt: skip
    if not policy.runs.exists():
        policy.delete()
        return
    policy.deleted_at, policy.is_paused, policy.next_at = timezone.now(), True, None
    policy.approved_by = policy.approved_at = None
    policy.save(update_fields=["deleted_at", "is_paused", "next_at", "approved_by", "approved_at"])


def _kept(policy: Policy) -> Policy:
    """Lock a policy. Raises: ConflictError: if it was deleted."""
    policy = locked(policy.pk)
    if policy.deleted_at is not None:
        message = "A policy must not be deleted to be used. This one is. Make a new one."
        raise ConflictError(message)
    return policy


@transaction.atomic
def approve(*, user: User, policy: Policy) -> Policy:
    """Allow a policy to make models live by itself, as it stands now.

    Raises: NotAllowedError, Http404: without the right, or for one's own under four eyes.
    """
    require(user, "models.promote", policy)
    policy = _kept(policy)
    if policy.outcome != Outcome.LIVE:
        message = "A policy must want to make models live to be approved. This one does not."
        raise ConflictError(message)
    if settings.ASSAY_FOUR_EYES and user.pk in {policy.changed_by_id, policy.created_by_id}:
        message = (
            "A policy must be approved by somebody else than who made or changed it. You did. "
            "Ask a colleague with the role to approve it."
        )
        raise NotAllowedError(message)
    policy.approved_by, policy.approved_at = user, timezone.now()
    policy.save(update_fields=["approved_by", "approved_at"])
    record(
        "schedule.approved", actor=user, team=policy.team, thing=policy,
        before={"approved": False}, after={"approved": True, **told(policy)},
    )  # fmt: skip
    return policy


@transaction.atomic
def run_now(*, user: User, policy: Policy, token: str = "") -> ScheduleRun:
    """Run a policy at once, whatever is due; the same token runs it once.

    Raises: NotAllowedError, Http404: without the right. ConflictError: if it cannot run now.
    """
    require(user, "schedules.manage", policy)
    require(user, "solutions.train")
    policy = _kept(policy)
    key = f"hand:{token or new_token()}"
    known: ScheduleRun | None = policy.runs.filter(key=key).first()
    if known is not None:
        return known
    version = latest_ready(policy)
    if has_open_run(policy):
        message = "A policy must have ended its run to begin another. One is open. Wait for it."
        raise ConflictError(message)
    if version is None:
        message = (
            f"{policy.dataset.name} must have a version that is ready to train on. It has none. "
            "Finish its mapping and checks first."
        )
        raise ConflictError(message)
    run = begin(
        policy, key=key, at=timezone.now(), why=f"By hand, {user}"[:200], version=version,
        nothing=None, user=user,
    )  # fmt: skip
    assert run is not None  # noqa: S101  the policy is locked and the key was looked for
    return run
