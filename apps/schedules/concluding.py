"""What a run of a policy comes to: refused, kept as a candidate, or made live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.http import Http404
from django.utils import timezone

from apps.audit.services import record
from apps.jobs.progress import LostLeaseError
from apps.registry.services import live, promote
from apps.schedules.due import locked
from apps.schedules.models import DONE, Outcome, Policy, RunState, ScheduleRun
from ml_core.errors import AssayError

if TYPE_CHECKING:
    from apps.experiments.models import TrainingRun
    from apps.jobs.progress import JobRun
    from apps.registry.models import ModelVersion
    from solutions.gate import Verdict


@transaction.atomic
def conclude(
    *,
    run: ScheduleRun,
    training: TrainingRun,
    before: ModelVersion | None,
    verdict: Verdict | None,
    lease: JobRun,
) -> ScheduleRun:
    """End a run: refuse the challenger, keep it, or make it live; once, whoever asks.

    Raises: LostLeaseError: if another worker has taken the job over.
    """
    if not lease.renew():
        raise LostLeaseError("Another worker has taken this run over. It concludes, not this one.")
    policy = locked(run.policy_id)
    run = ScheduleRun.objects.select_for_update().get(pk=run.pk)
    if run.state in DONE:
        return run
    run.training, run.model = training, training.model
    run.gate = verdict.to_json() if verdict else {}
    if before is not None:
        run.gate["live_model"] = str(before.pk)
    run.state, run.reason = _outcome(policy, training.model, before, verdict)
    run.finished_at = timezone.now()
    run.save()
    _count_from(policy, run)
    record(
        "schedule.concluded", actor=None, team=policy.team, thing=policy, run=str(run.pk),
        state=str(run.state), reason=run.reason, model=str(training.model.pk), gate=run.gate,
        acts_for=str(policy.changed_by_id), approved_by=str(policy.approved_by_id or ""),
    )  # fmt: skip
    return run


def _count_from(policy: Policy, run: ScheduleRun) -> None:
    """Count new labels from what this run has learned; only a run that trained uses labels up.

    An older one that was retried moves nothing back, nor does one on data that was left.
    """
    learned, base = run.version, policy.base_version
    if learned is None or learned.dataset_id != policy.dataset_id:
        return
    if base is not None and base.number > learned.number:
        return
    policy.base_version, policy.base_at = learned, timezone.now()
    policy.n_new_labels, policy.counted = None, {}
    policy.save(update_fields=["base_version", "base_at", "n_new_labels", "counted"])


def _outcome(
    policy: Policy, model: ModelVersion, before: ModelVersion | None, verdict: Verdict | None
) -> tuple[RunState, str]:
    if before is None or verdict is None:
        return RunState.CANDIDATE, (
            "Kept as a candidate: there is no live model to compare with. "
            "A person makes the first one live."
        )
    said = f"{verdict.words} {verdict.note}".strip()
    if not verdict.passed:
        return RunState.REFUSED, f"Refused by the gate. {said}"
    if policy.outcome != Outcome.LIVE:
        return RunState.CANDIDATE, f"Kept as a candidate: it passed the gate. {said}"
    trouble = _make_live(policy, model, before, said)
    if trouble:
        return (
            RunState.CANDIDATE,
            f"Kept as a candidate, though it passed the gate: {trouble} {said}",
        )
    return RunState.LIVE, f"Made live: it passed the gate. {said}"


def _make_live(policy: Policy, model: ModelVersion, before: ModelVersion, said: str) -> str:
    """Promote in the name of who approved the policy; returns what stood against it, or nothing."""
    if policy.approved_by is None or policy.approved_at is None:
        return "nobody has approved that this policy makes models live."
    now_live = live(model.solution, model.team)
    if now_live is None or now_live.pk != before.pk:
        return "another model went live while it was measured."
    why = f"By policy {policy.name}, approved by {policy.approved_by}. {said}"
    try:
        with transaction.atomic():
            promote(model, policy.approved_by, why[:1000])
    except AssayError as error:
        return f"{error}"
    except Http404:  # a team that one has left is not there
        return "who approved it may not promote any more."
    return ""
