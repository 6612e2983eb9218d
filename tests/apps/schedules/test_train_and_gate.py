"""`manage.py train_and_gate`: what a pipeline calls, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import yaml
from django.core.management import call_command

from apps.accounts.models import Role
from apps.datasets.errors import DiskFullError
from apps.datasets.models import DatasetVersion
from apps.experiments.models import TrainingRun
from apps.jobs import waiting
from apps.jobs.models import Job, State
from apps.registry.models import ModelVersion
from apps.registry.services import promote
from apps.schedules.recipe import read_recipe
from ml_core.errors import DataError, Issue
from ml_core.train import launch
from tests.apps.schedules.making import shuffled_past
from tests.apps.workshop import payments, ready_version, trained_model

CSV = ["payment_id", "time", "card_id", "amount", "is_bad"]


@pytest.fixture
def version(people):
    """Return a version of Alice's with 900 payments."""
    return ready_version(people, payments(900), name="Payments")


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Return what writes a recipe, calls the command, and gives its code and words."""
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the test's own process keeps its own

    def call(recipe, *arguments):
        path = tmp_path / "recipe.yaml"
        path.write_text(recipe if isinstance(recipe, str) else yaml.safe_dump(recipe))
        with pytest.raises(SystemExit) as ended:
            call_command("train_and_gate", str(path), *arguments)
        told = capsys.readouterr()
        return ended.value.code, told.out + told.err

    return call


def recipe(**said):
    return {
        "solution": "tiny", "user": "alice@example.org", "data": {"dataset": "Payments"},
        "options": {"steps": 2}, "seed": 3, "report": "out/gate", **said,
    }  # fmt: skip


def live_model(people, tmp_path, mean: float):
    other = ready_version(people, payments(300, seed=9), name="Older")
    return promote(trained_model(people, tmp_path, other, mean=mean), people.dora, "It is good.")


def report(tmp_path) -> dict:
    return json.loads((tmp_path / "out" / "gate.json").read_text())


def nothing_written(tmp_path) -> bool:
    return not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_better_model_passes_and_stays_a_candidate(people, version, tmp_path, run):
    live = live_model(people, tmp_path, mean=5.0)

    code, words = run(recipe())

    assert code == 0, words
    told = report(tmp_path)
    model = ModelVersion.objects.get(run__created_by=people.alice, run__seed=3)
    assert told["decision"] == "passed"
    assert told["model"] == {"id": str(model.pk), "number": 2, "stage": "candidate"}
    assert told["live_model"]["id"] == str(live.pk)
    assert told["data"]["sha256"] == version.sha256
    assert told["data"]["version"] == 1
    assert told["seed"] == 3
    assert told["options"]["steps"] == 2
    assert told["code_version"]
    assert told["figures"]["accuracy"] == {"value": 0.9, "low": 0.85, "high": 0.95}
    assert told["gate"]["challenger"] > told["gate"]["live"]
    live.refresh_from_db()
    assert live.stage == "live"
    page = (tmp_path / "out" / "gate.md").read_text()
    assert page.startswith("# Tiny: passed\n")
    assert "| accuracy | 0.9 | 0.85 to 0.95 |" in page
    assert version.sha256 in page
    assert Job.objects.get(kind="train").state == "succeeded"


def test_a_worse_model_is_refused_with_both_figures(people, tmp_path, run):
    ready_version(people, shuffled_past(payments(900)), name="Payments")
    live_model(people, tmp_path, mean=70.0)

    code, words = run(recipe())

    assert code == 1
    assert "Refused. Accuracy" in words
    assert "against 100.0% of the live model" in words
    assert report(tmp_path)["passed"] is False
    assert "it is not better" in report(tmp_path)["reason"]
    # As with schedules: it stays, so that it can be looked at.
    assert ModelVersion.objects.filter(stage="candidate").count() == 1


@pytest.mark.parametrize(("most_loss", "code"), [(0.5, 0), (0.0, 1)])
def test_a_recipe_may_allow_a_loss_instead_of_asking_for_a_gain(
    people, tmp_path, run, most_loss, code
):
    ready_version(people, shuffled_past(payments(900)), name="Payments")
    live_model(people, tmp_path, mean=70.0)

    assert run(recipe(gate={"most_loss": most_loss}))[0] == code


@pytest.mark.parametrize(("without_live", "code"), [("fail", 1), ("pass", 0)])
def test_without_a_live_model_the_recipe_decides(
    people, version, tmp_path, run, without_live, code
):
    assert run(recipe(gate={"without_live": without_live}))[0] == code

    told = report(tmp_path)
    assert told["gate"] is None
    assert "no live model to compare with" in told["reason"]
    assert told["model"]["stage"] == "candidate"
    assert told["live_model"] is None


def test_a_model_need_not_be_kept(people, version, tmp_path, run, settings):
    live_model(people, tmp_path, mean=5.0)

    code, words = run(recipe(register=False))

    assert code == 0, words
    assert report(tmp_path)["model"] is None
    assert report(tmp_path)["gate"]["challenger"] > report(tmp_path)["gate"]["live"]
    assert ModelVersion.objects.count() == 1
    assert TrainingRun.objects.count() == 1
    assert not list((settings.ASSAY_CACHE_DIR / "runs").iterdir())


def test_a_file_is_taken_in_once(people, tmp_path, run):
    payments(900).select(CSV).write_csv(tmp_path / "march.csv")
    said = recipe(data={"file": "march.csv", "name": "From CI"}, gate={"without_live": "pass"})

    first, words = run(said)
    second, _ = run(said)

    assert (first, second) == (0, 0), words
    version = DatasetVersion.objects.get(dataset__name="From CI")
    assert (version.number, version.state, version.created_by) == (1, "ready", people.alice)
    assert TrainingRun.objects.filter(dataset_version=version).count() == 2

    payments(901).select(CSV).write_csv(tmp_path / "march.csv")
    assert run(said)[0] == 0
    assert DatasetVersion.objects.filter(dataset__name="From CI").count() == 2


def test_a_file_that_is_no_table_is_told_with_its_reasons(people, tmp_path, run):
    (tmp_path / "march.csv").write_text("payment_id,amount\na,much\n")

    code, words = run(recipe(data={"file": "march.csv"}))

    assert code == 2
    assert words.strip()
    assert nothing_written(tmp_path)
    assert not TrainingRun.objects.exists()


def test_a_file_with_one_bad_row_is_to_be_corrected(people, tmp_path, run):
    bad = payments(900).select(CSV).with_columns(pl.col("amount").cast(pl.String))
    bad = bad.with_columns(
        pl.when(pl.col("payment_id") == bad["payment_id"][7])
        .then(pl.lit("much"))
        .otherwise("amount")
        .alias("amount")
    )
    bad.write_csv(tmp_path / "march.csv")

    code, words = run(recipe(data={"file": "march.csv"}))

    assert Job.objects.get(kind="ingest").state == State.REJECTED
    assert code == 2, words
    assert "amount" in words
    assert nothing_written(tmp_path)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (recipe(solution="nonsense"), "Key solution"),
        (recipe(user="nobody@example.org"), "Key user"),
        (recipe(user="audrey@example.org"), "Key user"),
        (recipe(team="another-bank"), "Key team"),
        (recipe(data={"dataset": "None such"}), "Key data.dataset"),
        (recipe(data={"dataset": "Payments", "version": 7}), "Key data.version"),
        (recipe(data={"file": "nowhere.csv"}), "Key data.file"),
        (recipe(data={}), "Key data"),
        (recipe(data={"file": "a.csv", "dataset": "b"}), "Key data"),
        (recipe(options={"depth": 3}), "Key options: Option depth"),
        (recipe(options={"steps": 0}), "Key options: Option steps"),
        (recipe(window={"weeks": 3}), "Key window"),
        (recipe(seed=-1), "Key seed"),
        (recipe(budget_min="long"), "Key budget_min"),
        (recipe(gate={"metric": "speed"}), "Key gate.metric"),
        (recipe(gate={"least_gain": -0.1}), "Key gate.least_gain"),
        (recipe(gate={"least_gain": 0.1, "most_loss": 0.1}), "Key gate"),
        (recipe(gate={"least_gain": float("nan")}), "Key gate.least_gain"),
        (recipe(epochs=3), "Key epochs"),
        ({"solution": "tiny"}, "Key user"),
        ("solution: [", "must be YAML"),
        ("- a\n- b\n", "must be keys with values"),
        ("", "must be keys with values"),
        ("solution: tiny\nsolution: fraud\n", "twice"),
        ("solution: !!python/object/apply:os.system ['true']\n", "must be YAML"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_names_its_key_and_does_nothing(
    people, version, tmp_path, run, said, words
):
    people.dora.email, people.dora.role = "audrey@example.org", Role.AUDITOR
    people.dora.save()

    code, told = run(said)

    assert code == 2
    assert words in told
    assert "Traceback" not in told
    assert nothing_written(tmp_path)
    assert not TrainingRun.objects.exists()


def test_the_recipe_of_the_guide_can_be_read(tmp_path):
    guide = Path(__file__).resolve().parents[3] / "docs" / "tracking.md"
    text = guide.read_text("utf-8").partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "guide.yaml").write_text(text)

    found = read_recipe(tmp_path / "guide.yaml")

    assert found.gate.least_gain == 0.005
    assert found.report == str(tmp_path / "reports" / "fraud")


def test_a_recipe_that_is_not_there_is_told(people, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)

    with pytest.raises(SystemExit, match="2"):
        call_command("train_and_gate", str(tmp_path / "none.yaml"))

    assert "can be read" in capsys.readouterr().err


def test_a_training_that_fails_is_no_refusal(people, version, tmp_path, run):
    code, words = run(recipe(options={"breaks": True}))

    assert code == 3
    assert "broken on purpose" in words
    assert nothing_written(tmp_path)
    assert not ModelVersion.objects.exists()


def test_data_that_cannot_be_learnt_from_are_to_be_corrected(
    people, version, tmp_path, run, monkeypatch
):
    def refuse(*_, **__):
        raise DataError(Issue("too_few", "Payments must hold bad ones. Got none. Give more."))

    monkeypatch.setattr("apps.experiments.jobs.payload_of", refuse)

    code, words = run(recipe())

    assert Job.objects.get().state == State.REJECTED
    assert code == 2
    assert "must hold bad ones" in words
    assert nothing_written(tmp_path)


def test_a_full_disk_is_no_refusal(people, tmp_path, run, monkeypatch):
    payments(900).select(CSV).write_csv(tmp_path / "march.csv")

    def full(**_):
        raise DiskFullError(free=7)

    monkeypatch.setattr("apps.schedules.pipeline.receive", full)

    code, words = run(recipe(data={"file": "march.csv"}))

    assert code == 3
    assert "must have room" in words


def test_a_report_that_cannot_be_written_is_no_refusal(people, version, tmp_path, run):
    (tmp_path / "out").write_text("in the way of the folder")

    code, words = run(recipe(gate={"without_live": "pass"}))

    assert code == 3
    assert "out" in words
    assert "stays a candidate" in words


def test_one_who_interrupts_the_measuring_is_told_of_the_candidate(
    people, version, tmp_path, run, monkeypatch
):
    live_model(people, tmp_path, mean=5.0)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("apps.schedules.pipeline.compare", interrupted)

    code, words = run(recipe())

    assert code == 130
    assert "No report was written" in words
    assert "No model" not in words
    kept = ModelVersion.objects.get(stage="candidate")
    assert str(kept) in words
    assert nothing_written(tmp_path)


def test_one_who_interrupts_leaves_a_cancelled_job_and_nothing_else(
    people, version, tmp_path, run, settings, monkeypatch
):
    told = []

    def interrupted(self, on_event, patience):
        told.append(self.process.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(launch._Child, "follow", interrupted)

    code, words = run(recipe())

    assert (code, len(told)) == (130, 1)
    assert "No model and no report" in words
    assert Job.objects.get().state == State.CANCELLED
    assert TrainingRun.objects.get().state == State.CANCELLED
    assert not ModelVersion.objects.exists()
    assert nothing_written(tmp_path)
    assert not list((settings.ASSAY_CACHE_DIR / "runs").iterdir())


def test_a_worker_that_serves_the_queue_does_the_work(people, version, tmp_path, run, monkeypatch):
    """Here the worker is a stand-in that takes the job while the command waits."""
    monkeypatch.setattr(waiting, "is_served", lambda name: True)
    own_run = waiting.runner.run
    monkeypatch.setattr(waiting.runner, "run", lambda job_id: pytest.fail("done in this process"))
    monkeypatch.setattr(
        waiting.time, "sleep", lambda s: [own_run(job.id) for job in Job.objects.open()]
    )

    assert run(recipe(gate={"without_live": "pass"}))[0] == 0
    monkeypatch.undo()


def test_a_job_that_a_person_cancels_ends_it(people, version, tmp_path, run, monkeypatch):
    monkeypatch.setattr(waiting, "is_served", lambda name: True)

    def cancelled(_):
        for job in Job.objects.open():
            waiting.cancel(job, people.alice)

    monkeypatch.setattr(waiting.time, "sleep", cancelled)

    code, words = run(recipe())

    assert code == 130
    assert "was cancelled" in words
    assert nothing_written(tmp_path)
