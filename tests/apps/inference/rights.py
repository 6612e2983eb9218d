"""What the test of rights needs of data, trainings, models and results: things of Alice's."""

import tempfile
from pathlib import Path

from apps.inference.models import Prediction
from tests.apps.workshop import ready_version, trained_model


def objects(people):
    model = trained_model(people, Path(tempfile.mkdtemp()))
    version = ready_version(people, name="April")
    prediction = Prediction.objects.create(
        team=people.team, created_by=people.alice, solution="tiny", dataset_version=version,
        model=model,
    )  # fmt: skip
    return {
        "datasets:dataset_id": version.dataset_id,
        "datasets:version_id": version.id,
        "api:dataset": version.dataset_id,
        "api:dataset-version": version.id,
        "experiments:run_id": model.run_id,
        "api:run": model.run_id,
        "registry:model_id": model.id,
        "api:model": model.id,
        "inference:prediction_id": prediction.id,
        "api:prediction": prediction.id,
        "api:prediction-download": prediction.id,
    }


# Nobody's own: every team has the same solutions, rows and formats.
OPEN = {
    "catalog:slug": "tiny",
    "experiments:slug": "tiny",
    "inference:slug": "tiny",
    "api:slug": "tiny",
    "experiments:of": "loss",
    "inference:row": 1,
    "inference:form": "csv",
    "api:form": "csv",
    "api:row": 1,
}
