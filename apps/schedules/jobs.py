"""The job of a policy: train a challenger, measure it beside the live model, and conclude."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.http import Http404
from django.utils import timezone

from apps.catalog.services import solution as find_solution
from apps.experiments import jobs as trainings
from apps.experiments.services import start_training
from apps.jobs.models import State
from apps.jobs.registry import handler
from apps.registry.bundles import load
from apps.registry.services import live as live_model
from apps.schedules.comparing import compare
from apps.schedules.concluding import conclude
from apps.schedules.models import DONE, GIVEN_UP, RunState, ScheduleRun
from apps.schedules.services import metric_of
from ml_core.errors import ConfigError, JobError, NotAllowedError
from ml_core.tracking.run import stop_if_cancelled
from solutions.gate import Rule

if TYPE_CHECKING:
    from apps.experiments.models import TrainingRun
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from apps.registry.models import ModelVersion
    from apps.schedules.models import Policy
    from solutions.gate import Verdict

_log = structlog.get_logger("assay.schedules")
_ENDED = {State.CANCELLED: RunState.CANCELLED}


def end(job: Job) -> None:
    """Give the run and its training the state in which their job ended."""
    trainings.end(job)
    reason = job.error or "Cancelled, and nothing went live. Run it again when ready."
    ScheduleRun.objects.filter(job=job).exclude(state__in=DONE).update(
        state=_ENDED.get(State(job.state), RunState.FAILED),
        reason=reason,
        finished_at=timezone.now(),
    )


@handler("retrain", on_end=end, needs=("schedules.manage", "solutions.train"))
def retrain(job: Job, run: JobRun) -> str:
    """Do one run of a policy; an attempt after a crash goes on with the model that stands.

    Raises: JobError: if the policy was deleted. Others: as the training raises them.
    """
    rows = ScheduleRun.objects.select_related(
        "policy__changed_by", "policy__team", "version__dataset", "version__team"
    )
    found: ScheduleRun | None = rows.filter(pk=job.params["schedule_run"]).first()
    if found is None or (found.policy.deleted_at and found.state in GIVEN_UP):
        message = "A run must belong to a policy. Its policy was deleted. Make another one."
        raise JobError(message, permanent=True)
    if found.state in DONE:
        return found.get_absolute_url()
    ScheduleRun.objects.filter(pk=found.pk).exclude(state__in=DONE).update(
        state=RunState.RUNNING, reason="", finished_at=None
    )
    training = _training(found, job)
    trainings.work(training, run)
    training.refresh_from_db()
    stop_if_cancelled(run)
    before = live_model(training.solution, training.team)
    verdict = None if before is None else _verdict(found.policy, training, before, run)
    run.stage("Concluding")
    conclude(run=found, training=training, before=before, verdict=verdict, lease=run)
    return found.get_absolute_url()


def _training(found: ScheduleRun, job: Job) -> TrainingRun:
    """Return the training of a run; the same one however often the job is begun."""
    policy, version = found.policy, found.version
    if policy.changed_by is None or version is None:
        message = (
            "A policy must act for a person, on data. That person or that data was removed. "
            "Open the policy and save it again."
        )
        raise JobError(message, permanent=True)
    recipe = found.recipe
    try:
        training = start_training(
            user=policy.changed_by, solution=policy.solution, version=version,
            options=recipe["options"], seed=recipe["seed"], window=recipe["window"],
            budget_s=60.0 * policy.budget_min, token=f"schedule-{found.pk.hex}", job=job,
        )  # fmt: skip
    except (NotAllowedError, Http404) as error:
        message = (
            f"A policy must act for a person who may train. {policy.changed_by} may not any more. "
            "Let somebody who may open the policy and save it."
        )
        raise JobError(message, permanent=True) from error
    except ConfigError as error:
        raise JobError(f"{error} Open the policy and correct it.", permanent=True) from error
    ScheduleRun.objects.filter(pk=found.pk).update(training=training)
    return training


def _verdict(policy: Policy, training: TrainingRun, before: ModelVersion, run: JobRun) -> Verdict:
    run.stage("Measuring beside the live model")
    metric = metric_of(find_solution(training.solution), policy.metric)
    rule = Rule(metric, policy.min_gain, policy.must_be_sure)
    verdict = compare(rule, training, load(training.model), before, run)
    run.log(verdict.words)
    return verdict
