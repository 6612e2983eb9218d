"""The job of making a model smaller: hand data and bundle to a child, keep what passed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction

from apps.experiments import attempts
from apps.experiments.jobs import payload_of
from apps.jobs.models import State
from apps.jobs.progress import LostLeaseError
from apps.jobs.registry import handler
from apps.registry import compressing
from apps.registry.bundles import materialise
from apps.registry.models import Compression
from ml_core.compress.gate import GateError, Variant
from ml_core.errors import JobError
from ml_core.plain import plain
from ml_core.tracking.events import relay
from ml_core.train.launch import spawn
from solutions.compression import Compressed

if TYPE_CHECKING:
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from ml_core.tracking.events import Event

CHILD = "apps.registry.child:compress"
_SHOWN = ("model__team", "model__run__dataset_version__dataset", "created_by", "team")


def end(job: Job) -> None:
    """Give it its state, and leave nothing of an attempt that was killed."""
    compressing.end(job)
    for found in Compression.objects.filter(job=job):
        attempts.clear(name_of(found))


@handler("compress", on_end=end, needs=("solutions.train",))
def compress(job: Job, run: JobRun) -> str:
    """Make a model smaller; an attempt after a crash begins anew.

    Raises: JobError: if no form kept enough, with the table. Others: as the solution raises them.
    """
    rows = Compression.objects.select_related(*_SHOWN)
    found: Compression = rows.get(pk=job.params["compression"])
    if found.state != State.SUCCEEDED:
        compressing.begin(found)
        with attempts.folders(name_of(found)) as folders:
            _keep(found, _work(found, folders.work, run), run)
        attempts.clear(name_of(found))
    return found.get_absolute_url()


def name_of(found: Compression) -> str:
    """Return how its folders are called."""
    return f"{attempts.COMPRESSION}{found.pk}"


def _work(found: Compression, folder: Path, run: JobRun) -> dict[str, Any]:
    training = found.model.run
    if training is None:
        message = "A model must have a training to be cut again as it was. This one has none."
        raise JobError(message, permanent=True)
    bundle = materialise(found.model)
    payload = payload_of(training, folder, run)
    payload |= {"bundle": str(bundle), "how": found.options}
    pass_on = relay(run)

    def heard(event: Event) -> None:
        # Curves of the steps are nobody's here, and would fill the log of the job.
        if event.kind != "metric":
            pass_on(event)

    told: dict[str, Any] = spawn(
        CHILD, payload, on_event=heard, cancelled=run.cancelled, seed=training.seed
    )
    return told


def _keep(found: Compression, told: dict[str, Any], run: JobRun) -> None:
    variants = list(plain(told["variants"]))
    _require_ours(run)
    compressing.keep_table(found, variants, told["chosen"])
    if not told["bundle"]:
        forms = tuple(Variant(**one) for one in told["variants"])
        try:
            Compressed(forms, reason=told["reason"]).require()
        except GateError as error:
            raise JobError(str(error), permanent=True) from error
    run.stage("Registering")
    with transaction.atomic():
        compressing.keep_model(found, Path(told["bundle"]), plain(told["metrics"]))
        _require_ours(run)


def _require_ours(run: JobRun) -> None:
    if not run.renew():
        raise LostLeaseError("Another worker has taken this over.")
