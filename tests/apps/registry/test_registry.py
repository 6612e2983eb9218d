from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings as live_settings
from django.db import DatabaseError, IntegrityError, transaction

from apps.audit.models import AuditEvent
from apps.registry import bundles
from apps.registry.models import ModelVersion, Stage
from apps.registry.services import live, load, materialise, promote, register
from ml_core.errors import ModelError, NotAllowedError
from tests.apps.workshop import trained_model

REASON = "Better on March."


@pytest.fixture(autouse=True)
def nothing_loaded():
    bundles._loaded.clear()


def blob_path(model: ModelVersion, name: str = "model.json") -> Path:
    return Path(live_settings.ASSAY_DATA_DIR) / "blobs" / model.manifest[name]["blob"]


def flip_a_byte(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 1
    path.write_bytes(bytes(raw))


def test_a_model_comes_back_as_it_was_registered(people, tmp_path):
    model = trained_model(people, tmp_path, mean=33.0)

    folder = materialise(model)

    assert (folder / "model.json").read_text() == '{"mean": 33.0}'
    assert folder.stat().st_mode & 0o077 == 0
    assert load(model).mean == 33.0
    assert model.card["limits"] == ["Small."]
    assert model.size_bytes == sum(entry["size"] for entry in model.manifest.values())


def test_numbers_count_up_for_each_team_and_solution(people, tmp_path):
    numbers = [trained_model(people, tmp_path).number for _ in range(3)]

    assert numbers == [1, 2, 3]


def test_registering_a_run_twice_keeps_the_first_model(people, tmp_path):
    model = trained_model(people, tmp_path)

    again = register(model.run, tmp_path, {})

    assert again == model
    assert AuditEvent.objects.filter(action="model.registered").count() == 1


def test_an_empty_bundle_is_refused(people, tmp_path):
    run = trained_model(people, tmp_path).run
    ModelVersion.objects.all().delete()
    (tmp_path / "empty").mkdir()

    with pytest.raises(ModelError, match="at least one file"):
        register(run, tmp_path / "empty", {})


def test_one_flipped_byte_of_a_file_is_found_out(people, tmp_path):
    model = trained_model(people, tmp_path)
    flip_a_byte(blob_path(model))

    with pytest.raises(ModelError, match="whole and as they were registered"):
        materialise(model)

    assert not any((Path(live_settings.ASSAY_CACHE_DIR) / "models").iterdir())


def test_a_missing_file_is_found_out(people, tmp_path):
    model = trained_model(people, tmp_path)
    blob_path(model).unlink()

    with pytest.raises(ModelError, match="whole"):
        materialise(model)


def test_a_changed_manifest_is_found_out(people, tmp_path):
    model, other = trained_model(people, tmp_path, mean=1.0), trained_model(people, tmp_path)
    model.manifest["model.json"] = other.manifest["model.json"]
    model.save()

    with pytest.raises(ModelError, match="as it was signed"):
        materialise(model)
    with pytest.raises(ModelError, match="as it was signed"):
        promote(model, people.dora, REASON)


def test_a_file_changed_in_the_cache_is_made_anew(people, tmp_path):
    model = trained_model(people, tmp_path, mean=5.0)
    (materialise(model) / "model.json").write_text('{"mean": 6.0}')

    folder = materialise(model)

    assert (folder / "model.json").read_text() == '{"mean": 5.0}'


def test_a_model_is_loaded_once_a_process(people, tmp_path):
    model = trained_model(people, tmp_path)

    assert load(model) is load(ModelVersion.objects.get())


def test_the_oldest_of_many_loaded_models_is_let_go(people, tmp_path):
    models = [trained_model(people, tmp_path) for _ in range(bundles.MOST_LOADED + 1)]

    for model in models:
        load(model)

    assert len(bundles._loaded) == bundles.MOST_LOADED


def test_many_may_ask_for_a_model_at_once(people, tmp_path):
    model = trained_model(people, tmp_path)

    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: materialise(model), range(16)))

    root = Path(live_settings.ASSAY_CACHE_DIR) / "models"
    assert len(set(folders)) == 1
    assert list(root.iterdir()) == [folders[0]]
    assert bundles.is_whole(folders[0], model.manifest)


def test_a_promoted_model_is_live_and_the_one_before_retires(people, tmp_path):
    first, second = trained_model(people, tmp_path), trained_model(people, tmp_path)

    promote(first, people.dora, REASON)
    promote(second, people.dora, REASON)

    first.refresh_from_db()
    assert first.stage == Stage.RETIRED
    assert live("tiny", people.team) == second
    event = AuditEvent.objects.filter(action="model.promoted").order_by("-sequence").first()
    assert (event.summary["reason"], event.summary["retired"]) == (REASON, str(first.pk))


def test_a_retired_model_is_rolled_back_to(people, tmp_path):
    first, second = trained_model(people, tmp_path), trained_model(people, tmp_path)
    promote(first, people.dora, REASON)
    promote(second, people.dora, REASON)

    promote(first, people.dora, "The new one misses frauds.")

    assert live("tiny", people.team) == first
    assert AuditEvent.objects.filter(action="model.rolled_back").count() == 1


def test_a_live_model_and_a_promotion_without_reason_are_refused(people, tmp_path):
    model = trained_model(people, tmp_path)

    with pytest.raises(ModelError, match="reason"):
        promote(model, people.dora, "  ")
    promote(model, people.dora, REASON)
    with pytest.raises(ModelError, match="must not be live"):
        promote(model, people.dora, REASON)


def test_two_live_models_cannot_be(people, tmp_path):
    promote(trained_model(people, tmp_path), people.dora, REASON)
    other = trained_model(people, tmp_path)

    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(pk=other.pk).update(stage=Stage.LIVE)


def test_an_analyst_may_not_promote(people, tmp_path):
    with pytest.raises(NotAllowedError):
        promote(trained_model(people, tmp_path), people.alice, REASON)


def test_under_four_eyes_another_person_than_the_trainer_promotes(people, tmp_path, settings):
    settings.ASSAY_FOUR_EYES = True
    own = trained_model(people, tmp_path, owner=people.dora)

    with pytest.raises(NotAllowedError, match="somebody else"):
        promote(own, people.dora, REASON)
    promote(own, people.admin, REASON)

    assert live("tiny", people.team) == own


def test_a_model_that_cannot_be_registered_leaves_no_file(people, tmp_path, monkeypatch):
    def fail(*_args, **_fields):
        raise DatabaseError("database is locked")

    monkeypatch.setattr("apps.registry.services.record", fail)

    with pytest.raises(DatabaseError):
        trained_model(people, tmp_path)

    models = tmp_path / "home" / "blobs" / "models"
    assert [path for path in models.rglob("*") if path.is_file()] == []
