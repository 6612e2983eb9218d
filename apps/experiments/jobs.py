"""The job of training: hand the data to a child process, listen, keep what it made."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from django.db import transaction
from django.utils import timezone

from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.datasets.services import COPY_BYTES, load_frame
from apps.experiments import attempts, services
from apps.experiments.budget import Budget
from apps.experiments.child import KEY_ID
from apps.experiments.models import TrainingRun
from apps.experiments.tracking import DatabaseRun
from apps.experiments.window import newest
from apps.jobs.models import State
from apps.jobs.progress import LostLeaseError
from apps.jobs.registry import handler
from apps.registry.services import register
from apps.tracking.trainings import mirrored
from ml_core.data.complete import complete
from ml_core.plain import plain
from ml_core.security.cipher import KEY_BYTES, EncryptingWriter, Key
from ml_core.tracking.events import relay
from ml_core.train.launch import spawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.datasets.models import DatasetVersion
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun
    from ml_core.tracking.run import Run
    from ml_core.typing import Frame

CHILD = "apps.experiments.child:train"


def end(job: Job) -> None:
    """Give the training its state, and leave nothing of an attempt that was killed."""
    services.end(job)
    for training in TrainingRun.objects.filter(job=job):
        attempts.clear(str(training.pk))


@handler("train", on_end=end, needs=("solutions.train",))
def train(job: Job, run: JobRun) -> str:
    """Train a model; an attempt after a crash goes on from the last checkpoint."""
    training: TrainingRun = TrainingRun.objects.select_related(
        "team", "created_by", "dataset_version__dataset"
    ).get(pk=job.params["run"])
    work(training, run)
    return training.get_absolute_url()


def work(training: TrainingRun, run: JobRun) -> None:
    """Train, unless it was done; may be called from a job that does more than train.

    Raises: JobError: if the budget was too small. Others: as the solution raises them.
    """
    if training.state == State.SUCCEEDED:
        return
    services.begin(training)
    told, budget = DatabaseRun(training, run), Budget(training.budget_s)
    with (
        attempts.folders(str(training.pk)) as folders,
        budget,
        mirrored(training, told) as voice,
    ):
        payload = payload_of(training, folders.work, voice)
        found = spawn(
            CHILD,
            payload,
            on_event=relay(voice),
            cancelled=lambda: budget.is_spent() or told.cancelled(),
            seed=training.seed,
            checkpoints=folders.checkpoints,
        )
        told.flush()
        voice.stage("Registering")
        voice.artifact(Path(found["bundle"]) / "card.json")
        _keep(training, found, run)
    attempts.clear(str(training.pk))


@contextmanager
def rehearsed(training: TrainingRun, run: Run) -> Iterator[dict[str, Any]]:
    """Train as the job would, but keep nothing: the bundle is gone when the block ends.

    `training` need not be kept. Raises: as `work`.
    """
    budget = Budget(training.budget_s)
    try:
        with attempts.folders(str(training.pk)) as folders:
            with budget:
                found = spawn(
                    CHILD,
                    payload_of(training, folders.work, run),
                    on_event=relay(run),
                    cancelled=lambda: budget.is_spent() or run.cancelled(),
                    seed=training.seed,
                )
            yield found
    finally:
        attempts.clear(str(training.pk))


def frame_of(training: TrainingRun) -> Frame:
    """Return the rows that a training is given, of which it sets some aside by itself."""
    schema = find_solution(training.solution).inputs()
    frame = complete(load_frame(training.dataset_version), schema)
    return newest(frame, schema, training.window)


def payload_of(training: TrainingRun, folder: Path, told: Run) -> dict[str, Any]:
    """Seal the data for the child, so that no plain row touches the disk."""
    told.stage("Preparing")
    solution = find_solution(training.solution)
    frame = frame_of(training)
    told.log(f"{frame.height:,} rows of {training.dataset_version.dataset.name}")
    key = Key(KEY_ID, os.urandom(KEY_BYTES))
    data, out = folder / "data.sealed", folder / "bundle"
    out.mkdir(mode=0o700)
    with data.open("wb") as raw, EncryptingWriter(raw, key) as sealed:
        frame.write_parquet(cast("IO[bytes]", sealed), compression="lz4")
    media = _seal_media(training.dataset_version, folder / "media.sealed", key)
    kind = type(solution)
    return {
        "media": media,
        "solution": f"{kind.__module__}:{kind.__qualname__}",
        "options": training.options,
        "data": str(data),
        "key": key.secret.hex(),
        "out": str(out),
    }


def _seal_media(version: DatasetVersion, path: Path, key: Key) -> str | None:
    """Seal the archive of pictures as it came, if there is one."""
    if not version.has_pictures:
        return None
    with (
        storage.open_blob(version.source_blob) as source,
        path.open("wb") as raw,
        EncryptingWriter(raw, key) as sealed,
    ):
        shutil.copyfileobj(source, cast("IO[bytes]", sealed), COPY_BYTES)
    return str(path)


def _keep(training: TrainingRun, found: dict[str, Any], run: JobRun) -> None:
    metrics = plain(found["metrics"])
    model = register(training, Path(found["bundle"]), metrics)
    with transaction.atomic():
        if not run.renew():
            raise LostLeaseError("Another worker has taken this training over.")
        training.state, training.finished_at = State.SUCCEEDED, timezone.now()
        training.metrics, training.how_split = model.metrics, found["how"]
        training.save(update_fields=["state", "finished_at", "metrics", "how_split"])
