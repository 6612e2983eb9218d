"""The encrypted files: whole or not there, and never another's."""

from __future__ import annotations

import hashlib
import os

import pytest

from apps.datasets import storage
from ml_core.errors import AssayError, ModelError
from tests.apps.datasets.tables import blobs


def test_what_is_written_is_read_with_its_digest():
    content = bytes(range(256)) * 2_000

    with storage.write("things") as blob:
        blob.write(content[:70_000])
        blob.write(content[70_000:])

    with storage.open_blob(blob.name) as stream:
        stream.seek(100_001)
        part = stream.read(7)
    assert blob.name.startswith("things/")
    assert (blob.size, blob.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert part == content[100_001:100_008]


def test_an_error_leaves_nothing():
    def fail_half_way() -> None:
        with storage.write("things") as blob:
            blob.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert blobs() == []


def test_a_writer_that_is_forgotten_leaves_nothing():
    blob = storage.write("things")
    blob.write(b"half")

    del blob

    assert blobs() == []


@pytest.mark.parametrize("at", [0, 5, 60, 70_000, -1])
def test_a_changed_byte_is_noticed(at, home):
    with storage.write("things") as blob:
        blob.write(b"x" * 200_000)
    path = home / "blobs" / blob.name
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)

    with pytest.raises(AssayError), storage.open_blob(blob.name) as stream:
        stream.read()


def test_a_file_cut_short_is_noticed(home):
    with storage.write("things") as blob:
        blob.write(b"x" * 200_000)
    path = home / "blobs" / blob.name
    path.write_bytes(path.read_bytes()[:-70_000])

    with pytest.raises(AssayError):
        storage.open_blob(blob.name)


@pytest.mark.parametrize("name", ["../secrets.env", "/etc/passwd", "a/../../b", ""])
def test_a_name_cannot_leave_the_folder(name):
    with pytest.raises(ValueError, match="must stay in its folder"):
        storage.open_blob(name)


def test_what_a_killed_process_left_is_swept_but_nothing_younger(home):
    with storage.write("things") as blob:
        blob.write(b"whole")
    for name in ("old", "young"):
        (home / "blobs" / "things" / f"{name}.part").write_bytes(b"half")
    os.utime(home / "blobs" / "things" / "old.part", (0, 0))

    n_swept = storage.sweep()

    assert n_swept == 1
    assert blobs() == sorted([blob.name, "things/young.part"])


def test_a_sweep_lets_a_file_be_that_ends_meanwhile(home, monkeypatch):
    """Writers end while the sweep looks: each of them has its file under another name, or gone."""
    part = home / "blobs" / "things" / f"ended{storage.PART}"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    os.utime(part, (0, 0))
    look = os.stat

    def late(path, *args, **how):
        if str(path).endswith(storage.PART):
            part.unlink(missing_ok=True)
        return look(path, *args, **how)

    monkeypatch.setattr(os, "stat", late)

    assert storage.sweep() == 0


def test_folders_come_back_as_they_were(tmp_path):
    folder = tmp_path / "bundle"
    (folder / "deep").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"model")
    (folder / "deep" / "card.json").write_bytes(b"{}")

    manifest = storage.put_folder(folder, "models")
    storage.get_folder(manifest, tmp_path / "copy")

    assert sorted(manifest) == ["deep/card.json", "model.onnx"]
    assert (tmp_path / "copy" / "deep" / "card.json").read_bytes() == b"{}"


def test_another_file_in_place_of_one_is_noticed(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "a").write_bytes(b"a")
    (folder / "b").write_bytes(b"b")
    manifest = storage.put_folder(folder, "models")
    manifest["a"]["blob"] = manifest["b"]["blob"]

    with pytest.raises(ModelError, match="must be the one that was kept"):
        storage.get_folder(manifest, tmp_path / "copy")


def test_a_manifest_cannot_write_outside_its_folder(tmp_path):
    with pytest.raises(ValueError, match="must stay in its folder"):
        storage.get_folder({"../evil": {"blob": "x", "sha256": ""}}, tmp_path / "copy")


def test_files_are_for_their_owner_only(home):
    with storage.write("things") as blob:
        blob.write(b"x")

    path = home / "blobs" / blob.name
    assert (path.stat().st_mode & 0o077, path.parent.stat().st_mode & 0o077) == (0, 0)
