"""A row of a result is explained by the limits under which it was scored."""

from __future__ import annotations

import io

import pytest

from apps.datasets.services import receive
from apps.inference.models import Explanation
from apps.inference.services import start_explaining, start_scoring
from tests.apps.answers.world import picture_model
from tests.apps.pictures import squares_zip


@pytest.fixture(autouse=True)
def picture_solution(settings):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution"]


def test_a_row_is_explained_by_the_limits_of_its_scoring(people, tmp_path, run_jobs):
    model = picture_model(people, tmp_path)
    version = receive(
        user=people.alice, team=people.team, solution="picture", name="Parts",
        filename="parts.zip", stream=io.BytesIO(squares_zip(6)),
    )  # fmt: skip
    run_jobs()
    version.refresh_from_db()
    prediction = start_scoring(
        user=people.alice, version=version, model=model, settings={"limit": 0.9}
    )
    run_jobs()
    prediction.refresh_from_db()

    start_explaining(user=people.alice, prediction=prediction, row=1)
    run_jobs()

    reports = Explanation.objects.filter(prediction=prediction).values_list("report", flat=True)
    assert {report[0]["text"] for report in reports} == {"By the limit of 0.9."}
    # Row 1 has no square: it was no alert, and was explained because it was asked for.
    assert Explanation.objects.filter(prediction=prediction, row=1).exists()
