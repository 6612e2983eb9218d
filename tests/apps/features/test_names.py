"""Names in the online store follow from the current key, and nothing else."""

from __future__ import annotations

from datetime import UTC

import pytest

from apps.accounts import keyring
from apps.datasets import services as datasets
from apps.datasets.errors import ConflictError
from apps.features import jobs, online
from ml_core.errors import ConfigError
from tests.apps.features.making import fresh, kept_view, looked_up, three_days


def test_another_key_of_the_installation_finds_nothing_silently_never(people, settings):
    view = kept_view(people)
    settings.ASSAY_ENCRYPTION_KEY = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIhISE="

    with pytest.raises(ConflictError, match="key of the installation"):
        looked_up(view, "c1")


def test_names_follow_from_the_current_key_wherever_it_is_kept(settings, tmp_path):
    settings.ASSAY_ENCRYPTION_KEY = ""
    ids = set()
    for name in ("one.txt", "other.txt"):
        settings.ASSAY_KEYS_FILE = str(tmp_path / name)
        keyring.add()
        ids.add(online.key_id())

    keyring.add()

    assert len(ids) == 2
    assert online.key_id() not in ids


def test_without_any_key_there_are_no_names(settings):
    settings.ASSAY_ENCRYPTION_KEY = ""

    with pytest.raises(ConfigError, match="key"):
        online.key_id()


def test_a_new_key_is_told_and_materialising_goes_over_to_it(people, settings, tmp_path):
    version = three_days(people)
    view = kept_view(people, version)
    settings.ASSAY_KEYS_FILE = str(tmp_path / "keys.txt")
    keyring.add()

    assert "key of the installation has changed" in fresh(view).reason
    view = kept_view(people, version)

    assert fresh(view).state == "good"
    assert view.online_key == online.key_id()
    last = datasets.load_frame(version).row(-1, named=True)
    assert looked_up(view, last["card_id"], last["time"].replace(tzinfo=UTC)).is_known


def test_a_key_that_comes_while_the_store_is_filled_is_noticed(people, settings, tmp_path):
    """The names are of the old key then, and so must the view say."""
    settings.ASSAY_KEYS_FILE = str(tmp_path / "keys.txt")
    with pytest.MonkeyPatch.context() as patch:
        fill = jobs._fill
        patch.setattr(jobs, "_fill", lambda *args: (fill(*args), keyring.add())[0])
        view = kept_view(people)

    with pytest.raises(ConflictError, match="key of the installation"):
        looked_up(view, "c1")
