"""The job that registers a live model with MLflow."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from apps.catalog.services import solution as find_solution
from apps.jobs.registry import handler
from apps.registry.bundles import materialise
from apps.registry.models import ModelVersion, Stage
from ml_core.errors import AssayError, ConfigError, JobError

if TYPE_CHECKING:
    from apps.jobs.models import Job
    from apps.jobs.progress import JobRun

ALIAS = "live"


@handler("mlflow", needs=("models.promote",))
def register_live(job: Job, run: JobRun) -> str:
    """Register a model as a version of MLflow and give it the alias; twice is once.

    One that is live no more when its turn comes is left, so that the alias never goes back.
    """
    from ml_core.tracking.mlflow import connect, publish, without_secrets  # noqa: PLC0415
    from solutions.served import save_model  # noqa: PLC0415  both are needed by workers alone

    model: ModelVersion = ModelVersion.objects.select_related("team").get(pk=job.params["model"])
    uri = settings.ASSAY_MLFLOW_URI
    if not uri or model.stage != Stage.LIVE:
        run.log(f"Nothing to do: {model} is {model.stage}, or ASSAY_MLFLOW_URI is not set.")
        return model.get_absolute_url()
    run.stage("Registering with MLflow")
    root = Path(settings.ASSAY_CACHE_DIR) / "runs"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="mlflow-") as folder:
        try:
            client = connect(uri)
            saved = save_model(
                find_solution(model.solution), materialise(model), Path(folder, "model")
            )
            version = publish(
                client, uri, name=_name(model), folder=saved, alias=ALIAS, tags=_tags(model)
            )
        except ConfigError as error:
            raise JobError(str(error), permanent=True) from error
        except AssayError:
            raise
        except Exception as error:  # the library has no class of its own for all its errors
            message = (
                f"MLflow must take the model. Got {without_secrets(error)}. Check that server and "
                "retry the job; the model is live here in any case."
            )
            raise JobError(message) from error
    run.log(f"{_name(model)} version {version} has the alias {ALIAS}.")
    return model.get_absolute_url()


def _name(model: ModelVersion) -> str:
    return f"{settings.ASSAY_MLFLOW_EXPERIMENT}-{model.solution}-{model.team.slug}"


def _tags(model: ModelVersion) -> dict[str, str]:
    return {
        "assay.model": str(model.pk),
        "assay.number": str(model.number),
        "assay.signature": model.signature,
        "assay.run": str(model.run_id or ""),
    }
