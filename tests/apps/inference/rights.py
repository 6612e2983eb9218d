"""What the test of rights needs of data, trainings, models and results: things of Alice's."""

import tempfile
from pathlib import Path

from apps.jobs import runner
from apps.jobs.models import Job, State
from apps.registry.compressing import start_compression
from tests.apps.workshop import ready_version, scored, trained_model


def _version(people):
    return ready_version(people, issues_blob="", issues=[])


def _model(people):
    return trained_model(people, Path(tempfile.mkdtemp()))


def _compression(people):
    return start_compression(user=people.alice, model=_model(people), options={})


def _result(people):
    def run_jobs() -> None:
        for job in Job.objects.filter(state=State.QUEUED):
            runner.run(job.id)

    return scored(people, Path(tempfile.mkdtemp()), run_jobs).id


OBJECTS = {
    "datasets:dataset_id": lambda people: _version(people).dataset_id,
    "datasets:version_id": lambda people: _version(people).id,
    "api:dataset": lambda people: _version(people).dataset_id,
    "api:dataset-version": lambda people: _version(people).id,
    "experiments:run_id": lambda people: _model(people).run_id,
    "api:run": lambda people: _model(people).run_id,
    "registry:model_id": lambda people: _model(people).id,
    "api:model": lambda people: _model(people).id,
    "api:model-compressions": lambda people: _model(people).id,
    "registry:compression_id": lambda people: _compression(people).id,
    "api:compression": lambda people: _compression(people).id,
    "inference:prediction_id": _result,
    "api:prediction": _result,
    "api:prediction-download": _result,
    "api:prediction-table": _result,
}
# Nobody's own: every team has the same solutions, rows and formats.
OPEN = {
    "catalog:slug": "tiny",
    "experiments:slug": "tiny",
    "inference:slug": "tiny",
    "api:slug": "tiny",
    "experiments:of": "loss",
    "inference:row": 1,
    "datasets:row": 1,
    "inference:form": "csv",
    "datasets:form": "yolo",
    "api:form": "csv",
    "api:row": 1,
}
# A file of issues or of rows put aside is there only if there are any, pictures
# and boxes only in an archive.
# Only a solution of pictures and questions has a table of them.
MAY_BE_MISSING = {
    "datasets:issues", "datasets:aside", "datasets:picture", "datasets:annotate", "datasets:export",
    "api:dataset-version-boxes", "api:dataset-version-export",
    "api:dataset-version-aside-file", "inference:table", "inference:answers",
    "inference:answers_file", "api:tables", "api:prediction-table",
}  # fmt: skip
