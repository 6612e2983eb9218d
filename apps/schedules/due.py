"""What is due now, and why it is done or not: the beat of all policies."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.audit.services import record
from apps.catalog.services import registry
from apps.jobs.services import enqueue
from apps.schedules.cron import Cron
from apps.schedules.labels import count_new, latest_ready
from apps.schedules.models import DONE, OPEN, Policy, RunState, ScheduleRun, Trigger
from ml_core.errors import AssayError

if TYPE_CHECKING:
    from datetime import datetime

    from apps.accounts.models import User
    from apps.datasets.models import DatasetVersion

_log = structlog.get_logger("assay.schedules")


def run_due(now: datetime | None = None) -> list[ScheduleRun]:
    """Begin what is due, once; safe to call from several processes at the same moment."""
    now = now or timezone.now()
    begun = []
    for policy in Policy.objects.filter(is_paused=False).select_related("team", "base_version"):
        try:
            found = _look_at(policy, now)
        except Exception as error:  # noqa: BLE001  one policy that breaks must not stop the others
            _log.error("policy not looked at", policy=str(policy.pk), exc_info=error)
            found = None
        if found is not None:
            begun.append(found)
    return begun


def _look_at(policy: Policy, now: datetime) -> ScheduleRun | None:
    is_clock = policy.trigger == Trigger.CLOCK
    if is_clock and (policy.next_at is None or policy.next_at > now):
        return None
    if policy.solution not in registry():
        return (
            _by_clock(policy.pk, now, None, "its solution is not installed.") if is_clock else None
        )
    version = latest_ready(policy)
    trouble = _count(policy, version)
    if is_clock:
        return _by_clock(policy.pk, now, version, trouble)
    return None if trouble else _by_labels(policy.pk, now, version)


def _count(policy: Policy, version: DatasetVersion | None) -> str:
    """Count new labels, outside of any transaction; returns what stood against it, or nothing."""
    try:
        count_new(policy, version)
    except Exception as error:  # noqa: BLE001  a file may be gone or damaged in many ways
        _log.warning("labels not counted", policy=str(policy.pk), exc_info=error)
        reason = str(error) if isinstance(error, AssayError) else "A file could not be read."
        return f"the new labels could not be counted. {reason}"
    return ""


@transaction.atomic
def _by_clock(
    policy_id: object, now: datetime, version: DatasetVersion | None, trouble: str
) -> ScheduleRun | None:
    """Make the run of the last scheduled time; earlier ones that were missed are in it."""
    policy = locked(policy_id)
    if policy.is_paused or policy.next_at is None or policy.next_at > now:
        return None  # somebody was faster
    cron = Cron.read(policy.cron, policy.zone)
    at, n_times = cron.between(policy.next_at, now)
    policy.next_at = next(cron.after(now), None)
    policy.save(update_fields=["next_at"])
    why = "By the clock"
    if n_times > 1:
        why += f"; makes up for {n_times - 1} earlier time{'s' * (n_times > 2)} that were missed"
    return begin(
        policy,
        key=f"clock:{at.isoformat()}",
        at=at,
        why=why,
        version=version,
        nothing=f"Did nothing: {trouble}" if trouble else reason_not_to(policy, version),
    )


@transaction.atomic
def _by_labels(
    policy_id: object, now: datetime, version: DatasetVersion | None
) -> ScheduleRun | None:
    policy = locked(policy_id)
    n_new = policy.n_new_labels or 0
    if policy.is_paused or n_new < policy.n_labels or reason_not_to(policy, version) is not None:
        return None  # the page tells how many there are; a row for each beat would tell no more
    why = f"{n_new:,} new labels, {policy.n_labels:,} were asked for"
    assert version is not None  # noqa: S101  without one there was a reason not to
    key = _labels_key(policy, version)
    return begin(policy, key=key, at=now, why=why, version=version, nothing=None)


def _labels_key(policy: Policy, version: DatasetVersion) -> str:
    """Name the run that labels begin: once for what it would learn, until it has learned it.

    A run that trained moves the base. After one that failed or was cancelled only other data or
    a policy that was saved again begin another, or it would fail every few seconds.
    """
    what = recipe_of(policy, version) | {"changed_at": policy.changed_at.isoformat()}
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    return f"labels:{policy.base_at.isoformat()}:{digest[:32]}"


def locked(policy_id: object) -> Policy:
    """Return a policy that nobody else changes until the transaction ends."""
    Policy.objects.select_for_update().get(pk=policy_id)
    related = Policy.objects.select_related("team", "dataset", "changed_by", "approved_by")
    found: Policy = related.get(pk=policy_id)
    return found


def reason_not_to(policy: Policy, version: DatasetVersion | None) -> str | None:
    """Return why a policy that is due does nothing, None if it should train."""
    if has_open_run(policy):
        return "Did nothing: the run before this one has not ended."
    if version is None:
        return f"Did nothing: {policy.dataset.name} has no version that is ready to train on."
    n_new = policy.n_new_labels or 0
    if n_new < policy.n_labels:
        return f"Did nothing: {n_new:,} of {policy.n_labels:,} new labels."
    last = policy.runs.filter(state__in=DONE - {RunState.NOTHING}).first()
    if last is not None and last.recipe == recipe_of(policy, version):
        return (
            "Did nothing: data, options and product are as they were when the last run ended, "
            "so the same model would come out."
        )
    return _tried_in_vain(policy, version) if policy.trigger == Trigger.LABELS else None


def _tried_in_vain(policy: Policy, version: DatasetVersion) -> str | None:
    tried = policy.runs.filter(key=_labels_key(policy, version)).first()
    if tried is None:
        return None
    how = {RunState.FAILED: "failed", RunState.CANCELLED: "was cancelled"}
    return (
        f"Did nothing: the run that these labels began {how.get(tried.state, 'came to no end')}. "
        "They still count. Run it by hand or save the policy again; more labels begin it, too."
    )


def has_open_run(policy: Policy) -> bool:
    """Tell whether a run waits or works; one whose job was removed will never end."""
    return policy.runs.filter(state__in=OPEN, job__isnull=False).exists()


def recipe_of(policy: Policy, version: DatasetVersion) -> dict[str, object]:
    """Return all that decides what a training makes."""
    return {
        "data_sha256": version.sha256,
        "options": policy.options,
        "window": policy.window,
        "seed": policy.seed,
        "code_version": settings.ASSAY_VERSION,
    }


def begin(  # noqa: PLR0913  which, when, why, on what, by whom
    policy: Policy,
    *,
    key: str,
    at: datetime,
    why: str,
    version: DatasetVersion | None,
    nothing: str | None,
    user: User | None = None,
) -> ScheduleRun | None:
    """Make the run of a key with its job, or the row that says why nothing is done.

    The policy must be locked. None if the key has its run already.
    """
    run, is_new = ScheduleRun.objects.get_or_create(
        policy=policy,
        key=key,
        defaults={"team": policy.team, "created_by": user, "why": why, "scheduled_at": at},
    )
    if not is_new:
        return None
    if nothing is not None or version is None:
        run.state, run.reason = RunState.NOTHING, nothing or ""
        run.finished_at = timezone.now()
        run.save(update_fields=["state", "reason", "finished_at"])
    else:
        _start(run, policy, version, user)
    record(
        "schedule.ran", actor=user, team=policy.team, thing=policy, run=str(run.pk),
        why=why, scheduled_at=at.isoformat(), state=str(run.state), reason=run.reason,
    )  # fmt: skip
    return run


def _start(run: ScheduleRun, policy: Policy, version: DatasetVersion, user: User | None) -> None:
    found = registry()[policy.solution]
    run.version, run.recipe = version, recipe_of(policy, version)
    run.job = enqueue(
        kind="retrain",
        title=f"Retrain {found.title}: {policy.name}",
        team=policy.team,
        user=user or policy.changed_by,
        params={"schedule_run": str(run.pk)},
        queue=found.queue,
    )
    run.save(update_fields=["version", "recipe", "job"])
