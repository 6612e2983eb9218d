"""Storage is measured by kind and team, and what belongs to nothing is swept, and only that."""

import os
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

from apps.answers.models import Answer
from apps.audit.models import AuditEvent
from apps.datasets import storage
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.thumbs import folder_of
from apps.inference.models import Prediction
from apps.monitoring import readings, references
from apps.monitoring import storage as measuring
from apps.monitoring.models import Kind, Reading
from apps.monitoring.sweep import MANY, sweep
from apps.monitoring.tasks import sweep_files
from apps.registry.models import ModelVersion
from ml_core.errors import ConfigError

DAY_S = 24 * 3600


@pytest.fixture(autouse=True)
def home(settings, tmp_path) -> Path:
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"
    (tmp_path / "home" / "cache" / "models").mkdir(parents=True)
    (tmp_path / "home" / "cache" / "models" / "x").write_bytes(b"x" * 1000)
    return tmp_path / "home"


def write(home: Path, prefix: str, *, age_s: float = 2 * DAY_S, size: int = 100) -> str:
    """Keep a file whose last change lies `age_s` back."""
    with storage.write(prefix) as blob:
        blob.write(b"a" * size)
    at = time.time() - age_s
    os.utime(home / "blobs" / blob.name, (at, at))
    return blob.name


@pytest.fixture
def kept(people, home) -> set[str]:
    """Rows of every kind that keep files, each with its own."""
    dataset = Dataset.objects.create(team=people.team, name="d", solution="fraud")
    blobs = {
        name: write(home, prefix)
        for name, prefix in [
            ("source_blob", "uploads"), ("prepared_blob", "prepared"), ("issues_blob", "issues"),
        ]
    }  # fmt: skip
    version = DatasetVersion.objects.create(
        team=people.team, dataset=dataset, number=1, filename="f", format="csv", sha256="0", **blobs
    )
    model_file = write(home, f"models/{uuid.uuid4()}")
    model = ModelVersion.objects.create(
        team=people.team, solution="fraud", number=1, signature="0",
        manifest={"model.onnx": {"blob": model_file, "sha256": "0", "size": 1}},
    )  # fmt: skip
    result = write(home, f"predictions/{uuid.uuid4()}", size=5000)
    Prediction.objects.create(
        team=people.other_team, solution="fraud", dataset_version=version, model=model,
        result_blob=result, token="t",
    )  # fmt: skip
    asked = write(home, "answers")
    Answer.objects.create(
        team=people.team, solution="vqa", model=model, seconds=1, token="t",
        files={"image": {"name": "a.png", "blob": asked, "sha256": "0"}},
    )  # fmt: skip
    return {*blobs.values(), model_file, result, asked}


def names() -> set[str]:
    return {name for name, _, _ in storage.walk()}


def test_every_file_of_a_row_is_known(kept):
    assert {name for name, _ in references.references()} == kept


def test_only_old_files_without_a_row_are_swept(kept, home):
    orphan = write(home, "answers")
    young = write(home, "answers", age_s=60)

    swept = sweep()

    assert names() == {*kept, young}
    assert (swept.n_files, swept.n_half) == (1, 0)
    assert not storage.exists(orphan)


def test_small_pictures_stay_as_long_as_their_archive(kept, home):
    source = DatasetVersion.objects.get().source_blob
    small = set()
    for folder, found in ((folder_of(source), small), (folder_of("uploads/gone"), set())):
        for row in range(MANY + 1):
            with storage.BlobWriter(f"{folder}/{row}-240") as blob:
                blob.write(b"a")
            at = time.time() - 2 * DAY_S
            os.utime(home / "blobs" / blob.name, (at, at))
            found.add(blob.name)

    facts = measuring.measure().facts
    swept = sweep()

    assert facts["n_orphans"] == swept.n_files == MANY + 1
    assert names() == kept | small


def test_a_file_whose_row_is_not_committed_yet_stays(home, people):
    """The file comes first: to the sweep it belongs to nothing, and its age alone saves it."""
    name = write(home, "uploads", age_s=DAY_S - 60)

    sweep()

    assert storage.exists(name)


def test_a_file_that_a_row_names_while_the_sweep_runs_stays(home, people, monkeypatch):
    name = write(home, "answers")
    before = references.references

    def named_meanwhile():
        yield from before()
        yield name, people.team.pk

    monkeypatch.setattr("apps.monitoring.sweep.references", named_meanwhile)

    assert sweep().n_files == 0
    assert storage.exists(name)


def test_half_written_files_are_swept_when_they_are_old(home, db):
    for name, age_s in (("old", 2 * DAY_S), ("young", 60)):
        part = home / "blobs" / "uploads" / f"{name}{storage.PART}"
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"x")
        os.utime(part, (time.time() - age_s,) * 2)

    assert sweep().n_half == 1
    assert names() == {f"uploads/young{storage.PART}"}


def test_a_sweep_is_on_the_record(home, people, login):
    write(home, "answers")

    login(people.admin).post("/monitoring/storage/sweep/")

    event = AuditEvent.objects.get(action="storage.swept")
    assert event.actor == people.admin
    assert event.summary["files"] == 1
    assert event.summary["kinds"] == ["answers"]
    assert readings.newest(Kind.SWEEP).facts["n_files"] == 1


def test_a_sweep_by_the_clock_that_finds_nothing_is_no_event(home, db):
    sweep_files()

    assert not AuditEvent.objects.exists()
    assert readings.newest(Kind.SWEEP) is not None


def test_it_refuses_where_the_database_looks_like_another_one(home, people, login):
    files = {write(home, "uploads") for _ in range(MANY + 1)}

    with pytest.raises(ConfigError, match="is this the database of these files"):
        sweep()
    sweep_files()  # the beat's task says so in the log, and goes on
    page = login(people.admin).post("/monitoring/storage/sweep/", follow=True)

    assert names() == files
    assert "Nothing was removed" in page.content.decode()


def test_who_is_sure_sweeps_by_command(home, db, capsys):
    for _ in range(MANY + 1):
        write(home, "uploads")

    with pytest.raises(CommandError):
        call_command("sweep_files")
    call_command("sweep_files", "--sure")

    assert names() == set()
    assert f"{MANY + 1} files" in capsys.readouterr().out


def test_it_spares_what_somebody_may_be_writing(home, db):
    with pytest.raises(ConfigError, match="younger than 3600 s"):
        sweep(older_than_s=10)


def test_a_column_of_another_app_is_looked_through_too(kept, people, home):
    """A new table need not say that it keeps files: the form of the name is enough."""
    name = write(home, "thumbs/small")
    Dataset.objects.update(name=name)

    assert (name, people.team.pk) in set(references.references())


def test_every_blob_column_is_one_that_is_looked_through():
    """A file is named in a CharField or in JSON; a TextField would be overlooked."""
    from django.apps import apps  # noqa: PLC0415

    overlooked = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_models() for field in model._meta.fields
        if field.name.endswith("blob") and not isinstance(field, models.CharField)
    ]  # fmt: skip

    assert overlooked == []


def test_storage_is_measured_by_kind_and_team(kept, people, home):
    write(home, "answers")
    write(home, "answers", age_s=60)

    facts = measuring.measure().facts

    on_disk = {name: size for name, size, _ in storage.walk()}
    assert facts["by_kind"]["answers"] == sum(
        size for name, size in on_disk.items() if name.startswith("answers/")
    )
    assert facts["by_kind"]["cache"] == 1000
    assert facts["by_kind"]["database"] > 0
    result = next(size for name, size in on_disk.items() if name.startswith("predictions/"))
    assert facts["by_team"][str(people.other_team.pk)] == result > 5000
    assert (
        facts["by_team"][str(people.team.pk)]
        == sum(size for name, size in on_disk.items() if name in kept) - result
    )
    assert (facts["n_files"], facts["n_orphans"], facts["n_missing"]) == (8, 1, 0)


def test_a_file_that_is_gone_is_told(kept, people, login):
    storage.delete(next(iter(kept)))
    admin = login(people.admin)

    admin.post("/monitoring/storage/measure/")
    page = admin.get("/monitoring/storage/").content.decode()

    assert "1 files are gone" in page


def test_the_page_shows_teams_by_name_and_asks_to_measure_first(kept, people, login):
    admin = login(people.admin)

    before = admin.get("/monitoring/storage/").content.decode()
    admin.post("/monitoring/storage/measure/")
    after = admin.get("/monitoring/storage/").content.decode()

    assert "Not measured yet" in before
    assert "Another bank" in after


@pytest.mark.parametrize(
    ("free", "state"), [(2**30 * 100, "good"), (2**30, "warning"), (2**20, "bad")]
)
def test_a_disk_that_fills_up_warns_before_it_is_full(free, state):
    assert measuring.Disk(total=2**30 * 200, free=free).state == state


def test_readings_are_not_kept_for_ever(db):
    Reading.objects.create(kind=Kind.SWEEP, at=timezone.now() - timedelta(days=100))

    readings.keep(Kind.SWEEP, {"n_files": 0})

    assert Reading.objects.count() == 1
