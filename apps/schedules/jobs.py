"""The job of a policy: train a challenger, measure it beside the live model, and conclude."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import structlog
from django.http import Http404
from django.utils import timezone

from apps.catalog.services import solution as find_solution
from apps.datasets.services import open_media
from apps.experiments import jobs as trainings
from apps.experiments.services import start_training
from apps.jobs.models import State
from apps.jobs.registry import handler
from apps.registry.bundles import load
from apps.registry.services import live as live_model
from apps.schedules.concluding import conclude
from apps.schedules.gate import Rule, Verdict, by_bytes, held_out, judge, measured
from apps.schedules.models import DONE, RunState, ScheduleRun
from apps.schedules.services import metric_of
from ml_core.errors import AssayError, ConfigError, JobError, NotAllowedError
from ml_core.tracking.run import stop_if_cancelled
from solutions.api import TableBatch

if TYPE_CHECKING:
    import polars as pl

    from apps.experiments.models import TrainingRun
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from apps.registry.models import ModelVersion
    from apps.schedules.models import Policy
    from ml_core.typing import Frame
    from solutions.api import Solution, Split

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
    """Do one run of a policy; an attempt after a crash goes on with the model that stands."""
    found: ScheduleRun = ScheduleRun.objects.select_related(
        "policy__changed_by", "policy__team", "version__dataset", "version__team"
    ).get(pk=job.params["schedule_run"])
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
    """Measure both models on the rows that the challenger's training has set aside.

    The solution cuts them as it did for the training: what belongs together stays together, and
    where there is time they are the newest.
    """
    run.stage("Measuring beside the live model")
    solution = find_solution(training.solution)
    rule = Rule(metric_of(solution, policy.metric), policy.min_gain, policy.must_be_sure)
    with ExitStack() as files:
        batch = split_of(training, solution, files).test
        test = held_out(batch, _learned(before, solution, run), solution.inputs())
        ours = measured(solution, load(training.model), test, run)
        stop_if_cancelled(run)
        theirs = measured(solution, load(before), test, run)
    verdict = judge(rule, ours, theirs, test)
    run.log(verdict.words)
    return verdict


def split_of(training: TrainingRun, solution: Solution[Any], files: ExitStack) -> Split:
    """Cut the data of a training once more, which comes out the same by its seed."""
    media = files.enter_context(open_media(training.dataset_version))
    batch = TableBatch(trainings.frame_of(training), media=media)
    return solution.split(batch, solution.options(**training.options), training.seed)


def _learned(model: ModelVersion, solution: Solution[Any], run: JobRun) -> Frame | None:
    """Return the rows that a model was made from, pictures by their bytes.

    None if they cannot be found out.
    """
    if model.run is None:
        return None
    try:
        with ExitStack() as files:
            cut = split_of(model.run, solution, files)
            rows = _together(cut.train.targets, cut.valid.targets)
            return by_bytes(rows, cut.train.media, solution.inputs())
    except (AssayError, ValueError) as error:
        run.log(f"The data of the live model could not be read again: {error}")
        return None


def _together(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    return first.vstack(second) if first.schema == second.schema else first
