"""What starts and ends trainings."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from apps.accounts.policies import require
from apps.audit.services import record
from apps.catalog.services import solution as find_solution
from apps.experiments.models import Metric, TrainingRun
from apps.experiments.window import read_window
from apps.jobs.models import State
from apps.jobs.services import enqueue
from ml_core.errors import ConfigError, DataError, Issue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apps.accounts.models import User
    from apps.datasets.models import DatasetVersion
    from apps.jobs.models import Job
    from solutions.api import Options

LARGEST_SEED = 2**31 - 1


def checked_options(slug: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a training with their defaults filled in.

    Raises: ConfigError: naming each option that cannot work.
    """
    return read_options(find_solution(slug).options, options)


def read_options(kind: type[Options], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a kind, those that were given checked, the others by default.

    Raises: ConfigError: naming each that cannot work.
    """
    try:
        found = kind(**given)
    except ValidationError as error:
        raise ConfigError(" ".join(_sentence(dict(one)) for one in error.errors())) from error
    return dict(found.model_dump(mode="json"))


def _sentence(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "options"
    if error["type"] == "extra_forbidden":
        return f"Option {where} must be one that the solution has. It is not. Leave it out."
    return f"Option {where} must be valid. {error['msg']}. Got {error['input']!r}. Change it."


def require_ready(version: DatasetVersion, slug: str) -> None:
    """Stop when a dataset version cannot be worked with.

    Raises: DataError: if it is not ready, or was brought for another solution.
    """
    if version.state != "ready":
        message = (
            f"A dataset version must be ready before it is used. This one is {version.state}. "
            "Finish its mapping and checks first."
        )
        raise DataError(Issue("not-ready", message))
    if version.dataset.solution != slug:
        message = (
            f"The dataset must be one for {slug}. This one is for {version.dataset.solution}. "
            "Choose another, or upload the file again for this solution."
        )
        raise DataError(Issue("other-solution", message))


def start_training(  # noqa: PLR0913  who, of what, on what, how, and in whose job
    *,
    user: User,
    solution: str,
    version: DatasetVersion,
    options: Mapping[str, Any],
    seed: int = 0,
    token: str = "",
    window: Mapping[str, int] | None = None,
    budget_s: float | None = None,
    job: Job | None = None,
) -> TrainingRun:
    """Make a training and put it into the queue; the same token gives the same training.

    `window` takes the newest part of the version only. With `job` that one trains, and none is
    made for it.

    Raises: NotAllowedError, Http404: without the right. DataError, ConfigError: if it cannot run.
    """
    require(user, "solutions.train")
    require(user, "datasets.view", version)
    require_ready(version, solution)
    chosen = checked_options(solution, options)
    require_meeting(chosen)
    require_seed(seed)
    said = read_window(window or {}, find_solution(solution).inputs())
    with transaction.atomic():
        run, is_new = TrainingRun.objects.get_or_create(
            team=version.team,
            token=token or uuid4().hex,
            defaults={
                "created_by": user,
                "solution": solution,
                "dataset_version": version,
                "options": chosen,
                "seed": seed,
                "code_version": settings.ASSAY_VERSION,
                "data_sha256": version.sha256,
                "window": said,
                "budget_s": budget_s,
            },
        )
        if is_new:
            _give_to(run, user, job)
    same = (run.dataset_version_id, run.solution, run.options, run.seed, run.window)
    require_same(is_same=same == (version.pk, solution, chosen, seed, said))
    return _within(run, budget_s)


def _within(run: TrainingRun, budget_s: float | None) -> TrainingRun:
    """Say what a training may take this time; of one that has its model nothing is changed."""
    if run.budget_s != budget_s and run.state != State.SUCCEEDED:
        run.budget_s = budget_s
        run.save(update_fields=["budget_s"])
    return run


def require_seed(seed: int) -> None:
    """Raises: ConfigError: if a seed cannot be."""
    if not 0 <= seed <= LARGEST_SEED:
        message = f"A seed must be 0 to {LARGEST_SEED}. Got {seed}. Choose another."
        raise ConfigError(message)


def require_same(*, is_same: bool) -> None:
    """Stop a request that names what another one has started under its token.

    Raises: ConfigError: if it is not the same request once more.
    """
    if not is_same:
        message = (
            "A request must be sent again as it was. This one was sent before with other choices. "
            "Load the page again, or send another Idempotency-Key."
        )
        raise ConfigError(message)


def _give_to(run: TrainingRun, user: User, job: Job | None) -> None:
    found = find_solution(run.solution)
    version = run.dataset_version
    run.job = job or enqueue(
        kind="train",
        title=f"Train {found.title} on {version.dataset.name} v{version.number}",
        team=run.team,
        user=user,
        params={"run": str(run.pk)},
        queue=found.queue,
        solution=run.solution,
    )
    run.save(update_fields=["job"])
    record(
        "training.started",
        actor=user,
        team=run.team,
        thing=run,
        solution=run.solution,
        dataset_version=str(version.pk),
        data_sha256=run.data_sha256,
        options=run.options,
        seed=run.seed,
        window=run.window,
    )


@transaction.atomic
def begin(run: TrainingRun) -> None:
    """Set a training to running; figures of an attempt that died are forgotten."""
    Metric.objects.filter(run=run).delete()
    run.state = State.RUNNING
    run.started_at, run.finished_at = timezone.now(), None
    run.metrics, run.how_split = {}, ""
    run.save(update_fields=["state", "started_at", "finished_at", "metrics", "how_split"])


def end(job: Job) -> None:
    """Give a training the state in which its job ended, unless its model stands already.

    A worker may die after the model was kept and before its job was ended.
    """
    open_runs = TrainingRun.objects.filter(job=job).exclude(state=State.SUCCEEDED)
    open_runs.update(state=job.state, finished_at=timezone.now())


def require_meeting(options: Mapping[str, Any]) -> None:
    """Stop when a worker would have to meet other machines where no admin has allowed it.

    Raises: ConfigError: saying what to set.
    """
    place = options.get("rendezvous", "")
    if place and place not in settings.ASSAY_RENDEZVOUS:
        message = (
            f"Option rendezvous must be a place that an admin has allowed. Got {place}. "
            "Ask for it to be named in ASSAY_RENDEZVOUS, or train on one machine."
        )
        raise ConfigError(message)
    if options.get("machine", 0):
        message = (
            f"Option machine must be 0 for a job. Got {options['machine']}. Other machines join "
            "by the command line: python -m solutions train."
        )
        raise ConfigError(message)


def token_from(key: str, owner: object) -> str:
    """Return a token of fixed length from a key that a caller has chosen."""
    return hashlib.sha256(f"{owner}:{key}".encode()).hexdigest()
