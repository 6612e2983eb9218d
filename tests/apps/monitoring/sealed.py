"""Stored files for the tests of keys, in a home with a file of keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.datasets import rotation, storage
from apps.monitoring import encryption
from apps.registry import bundles

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def home(settings, tmp_path) -> Path:
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.tiny_solution"]
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"
    settings.ASSAY_KEYS_FILE = str(tmp_path / "keys.txt")
    (tmp_path / "home").mkdir()
    bundles._loaded.clear()
    return tmp_path / "home"


def keep(prefix="uploads", content=CONTENT) -> str:
    with storage.write(prefix) as blob:
        blob.write(content)
    return blob.name


def read(name) -> bytes:
    with storage.open_blob(name) as stream:
        return stream.read()


def key_of(name) -> str:
    return next(key_id for found, key_id, _ in rotation.key_ids() if found == name)


def flip(path: Path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(bytes(raw))


def rotate(**how):
    return encryption.rotate(by=None, tell=lambda *_: None, **how)


def use_of(key_id: str) -> encryption.Use:
    return next(use for use in encryption.uses(encryption.measure()) if use.key_id == key_id)
