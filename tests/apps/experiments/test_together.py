"""A training of several processes, as a job."""

from __future__ import annotations

import pytest

from apps.experiments.models import Metric
from apps.registry.models import ModelVersion
from ml_core.errors import ConfigError
from tests.apps.experiments.test_training import started

TWO = {"strategy": "fsdp2", "processes": 2, "steps": 2}


@pytest.fixture(autouse=True)
def ranked_solution(settings):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.ranked_solution"]


@pytest.mark.slow
def test_two_processes_train_one_model_and_one_of_them_speaks(people, run_jobs, tmp_path):
    run = started(people, TWO)

    (job,) = run_jobs()

    assert job.state == "succeeded", job.error
    figures = Metric.objects.filter(run=run)
    assert figures.get(name="ranks").value == 2
    assert list(figures.filter(name="batch_loss").values_list("step", flat=True)) == [1, 2]
    assert ModelVersion.objects.count() == 1
    assert list((tmp_path / "home" / "cache" / "runs").iterdir()) == []


def test_more_processes_than_cores_are_refused_in_words(people, run_jobs):
    started(people, TWO | {"processes": 64})

    (job,) = run_jobs()

    assert job.state == "failed"
    assert "Choose fewer processes" in job.error


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ({"machines": 2, "rendezvous": "10.0.0.1:22"}, "ASSAY_RENDEZVOUS"),
        ({"machines": 2, "rendezvous": "node0:29500", "machine": 1}, "command line"),
    ],
)
def test_a_worker_meets_other_machines_only_where_an_admin_allows_it(people, settings, more, hint):
    settings.ASSAY_RENDEZVOUS = ["node0:29500"]

    with pytest.raises(ConfigError, match=hint):
        started(people, TWO | more)
