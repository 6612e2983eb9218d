"""Repositories of DVC are written as DVC reads them, and read without trusting them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile

import pytest

from ml_core.data import dvc_files, dvc_pack
from ml_core.data.archive import open_archive
from ml_core.data.dvc_files import Shelf, choose, copy_out, entries, listed, member
from ml_core.data.dvc_places import FolderRepository, ZipRepository
from ml_core.errors import DataError
from tests.apps.pictures import damaged

DATA = b"id,amount\na,1\n"
MD5 = hashlib.md5(DATA).hexdigest()  # noqa: S324  what DVC uses
DVC_FILE = f"outs:\n- md5: {MD5}\n  size: {len(DATA)}\n  hash: md5\n  path: rows.csv\n"


def packed(files: dict[str, bytes | str]) -> ZipRepository:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return ZipRepository(open_archive(out))


def read(repository, wanted: str = "") -> bytes:
    held = bytearray()
    copy_out(Shelf(repository), choose(entries(repository), wanted), held.extend)
    return bytes(held)


def export(data: bytes = DATA, name: str = "rows.csv") -> bytes:
    return b"".join(dvc_pack.pieces(name, lambda: io.BytesIO(data)))


@pytest.mark.parametrize(
    "place",
    [f".dvc/cache/files/md5/{MD5[:2]}/{MD5[2:]}", f"store/files/md5/{MD5[:2]}/{MD5[2:]}",
     f".dvc/cache/{MD5[:2]}/{MD5[2:]}", "data/rows.csv"],
    ids=["cache", "local remote", "cache of DVC 2", "checked out"],
)  # fmt: skip
def test_a_file_is_found_wherever_dvc_puts_it(place):
    assert read(packed({"data/rows.csv.dvc": DVC_FILE, place: DATA})) == DATA


def test_what_is_exported_is_read_back():
    archive = zipfile.ZipFile(io.BytesIO(export()))

    assert read(ZipRepository(archive)) == DATA
    assert archive.read("rows.csv") == DATA
    assert archive.read(dvc_files.cache_path(MD5)) == DATA
    assert archive.read("rows.csv.dvc").decode() == DVC_FILE


def test_a_folder_is_read_with_a_remote_beside_it_and_no_link_leads_out(tmp_path):
    repository, remote = tmp_path / "repository", tmp_path / "remote"
    kept = remote / "files" / "md5" / MD5[:2] / MD5[2:]
    kept.parent.mkdir(parents=True)
    kept.write_bytes(DATA)
    repository.mkdir()
    (repository / "rows.csv.dvc").write_text(DVC_FILE)
    (repository / "rows.csv").symlink_to(kept)

    assert read(FolderRepository(repository, (remote,))) == DATA
    with pytest.raises(DataError, match="must hold the file"):
        read(FolderRepository(repository))


def test_one_of_several_entries_is_chosen_by_name():
    other = DVC_FILE.replace("rows.csv", "other.csv")
    repository = packed({"rows.csv.dvc": DVC_FILE, "a/other.csv.dvc": other, "rows.csv": DATA})

    assert read(repository, "rows.csv.dvc") == DATA
    assert choose(entries(repository), "a/other.csv").folder == "a"
    for wanted in ("", "nothing.csv"):
        with pytest.raises(DataError, match=r"a/other\.csv, rows\.csv"):
            choose(entries(repository), wanted)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "have a .dvc file"),
        ("outs: 3", "have a .dvc file"),
        ("- x", "have a .dvc file"),
        ("outs:\n- path: rows.csv\n", "name path and md5"),
        ("outs:\n- md5: xyz\n  path: rows.csv\n", "name path and md5"),
        (DVC_FILE.replace("path: rows.csv", "path: ../../etc/passwd"), "inside of itself"),
        (DVC_FILE.replace("path: rows.csv", "path: /etc/passwd"), "inside of itself"),
        (DVC_FILE.replace("path: rows.csv", "path: C:\\rows.csv"), "inside of itself"),
        (DVC_FILE.replace("path: rows.csv", 'path: "a\\0b"'), "inside of itself"),
        (DVC_FILE.replace("hash: md5", "hash: sha256"), "know its files by MD5"),
        ("!!python/object/apply:os.system ['true']", "plain YAML"),
        ("a: &a [x]\nouts: [*a]", "plain YAML"),
        ("outs: [" * 5000, "plain YAML"),
        ("x" * 70_000, "small .dvc files"),
        ("\x00\xff", "plain YAML"),
    ],
)
def test_what_a_stranger_may_write_is_refused_in_a_sentence(text, reason):
    with pytest.raises(DataError, match=reason):
        read(packed({"rows.csv.dvc": text, "rows.csv": DATA}))


@pytest.mark.parametrize("change", ["bytes", "size"])
def test_another_file_under_the_digest_is_refused(change):
    text = DVC_FILE if change == "bytes" else DVC_FILE.replace("size: 14", "size: 15")
    data = b"other" if change == "bytes" else DATA

    with pytest.raises(DataError, match="another digest or size"):
        read(packed({"rows.csv.dvc": text, dvc_files.cache_path(MD5): data}))


def test_a_damaged_archive_is_refused():
    whole = bytearray(export())
    whole[whole.index(DATA) + 3] ^= 1

    repository = ZipRepository(zipfile.ZipFile(io.BytesIO(whole)))

    with pytest.raises(DataError, match="must be a whole ZIP"):
        Shelf(repository).copy("0" * 32, "rows.csv", lambda _piece: None)


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_file_that_cannot_be_unpacked_is_named(packing):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        archive.writestr("rows.csv", DATA * 99)
    repository = ZipRepository(zipfile.ZipFile(io.BytesIO(damaged(out, "rows.csv"))))

    with pytest.raises(DataError, match=r"damaged 'rows\.csv'"):
        Shelf(repository).copy("0" * 32, "rows.csv", lambda _piece: None)


def test_an_entry_that_cannot_be_unpacked_is_named():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv.dvc", DVC_FILE)

    with pytest.raises(DataError, match=r"damaged 'rows\.csv\.dvc'"):
        read(ZipRepository(zipfile.ZipFile(io.BytesIO(damaged(out, "rows.csv.dvc")))))


def directory(files: dict[str, bytes], **more) -> ZipRepository:
    digests = {name: hashlib.md5(data).hexdigest() for name, data in files.items()}  # noqa: S324
    told = json.dumps([{"md5": md5, "relpath": name} for name, md5 in digests.items()]).encode()
    own = hashlib.md5(told).hexdigest() + ".dir"  # noqa: S324
    kept = {dvc_files.cache_path(digests[name]): data for name, data in files.items()}
    text = f"outs:\n- md5: {own}\n  path: parts\n"
    return packed({"parts.dvc": text, dvc_files.cache_path(own): told, **kept, **more})


def test_a_directory_is_read_file_by_file():
    files = {"a.png": b"one", "deep/b.png": b"two"}
    repository = directory(files)
    shelf, entry = Shelf(repository), choose(entries(repository))
    found = {}
    for path, md5 in listed(shelf, entry).items():
        held = bytearray()
        member(shelf, entry, path, md5, held.extend)
        found[path] = bytes(held)

    assert entry.is_directory
    assert found == files


def test_a_directory_does_not_lead_out():
    repository = directory({"../../a.png": b"one"})

    with pytest.raises(DataError, match="inside of itself"):
        listed(Shelf(repository), choose(entries(repository)))


# -- with DVC itself -----------------------------------------------------------------------------


def dvc(folder, *words: str) -> str:
    pytest.importorskip("dvc")
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / "site")}
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(  # noqa: S603  our own interpreter
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_dvc_restores_and_trusts_what_was_exported(tmp_path):
    with zipfile.ZipFile(io.BytesIO(export())) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "rows.csv").unlink()

    dvc(tmp_path, "checkout")

    assert (tmp_path / "rows.csv").read_bytes() == DATA
    assert "up to date" in dvc(tmp_path, "status")


@pytest.mark.slow
def test_what_dvc_keeps_and_pushes_is_read(tmp_path):
    repository, remote = tmp_path / "repository", tmp_path / "remote"
    (repository / "parts").mkdir(parents=True)
    (repository / "parts" / "a.png").write_bytes(b"one")
    (repository / "rows.csv").write_bytes(DATA)
    dvc(repository, "init", "--no-scm")
    dvc(repository, "remote", "add", "-d", "store", str(remote))
    dvc(repository, "add", "rows.csv", "parts")
    dvc(repository, "push")
    (repository / "rows.csv").unlink()

    assert read(FolderRepository(repository), "rows.csv") == DATA
    found = FolderRepository(repository, (remote,))
    assert read(found, "rows.csv.dvc") == DATA
    assert list(listed(Shelf(found), choose(entries(found), "parts"))) == ["a.png"]
