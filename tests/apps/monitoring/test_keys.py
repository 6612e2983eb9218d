"""Keys are rotated while files are read, written, deleted; killed half-way; with some changed."""

import base64
import contextlib
import os
import shutil
import signal
import threading
from pathlib import Path

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator

from apps.accounts import keyring
from apps.audit import anchor
from apps.datasets import rotation, storage
from apps.monitoring import encryption
from apps.registry import bundles, signing
from ml_core.errors import ConfigError, IntegrityError, ModelError
from ml_core.security import cipher
from ml_core.security.key_file import add_key
from ml_core.security.keys import Key
from tests.apps.monitoring.sealed import CONTENT, flip, keep, key_of, read, rotate, use_of
from tests.apps.monitoring.sealed import home as home  # noqa: PLC0414  a fixture
from tests.apps.workshop import trained_model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


# --- what a rotation does --------------------------------------------------------------------
def test_everything_comes_under_the_new_key_and_the_old_one_can_go(people, tmp_path, settings):
    old = keyring.local().current
    names = [keep(prefix) for prefix in ("uploads", "prepared", "thumbs/x")]
    model = trained_model(people, tmp_path)
    seed = get_adapter().encrypt("JBSWY3DPEHPK3PXP")
    factor = Authenticator.objects.create(
        user=people.alice, type="totp", data={"secret": seed, "used": [1]}
    )

    new = encryption.add(people.admin)
    done = rotate()
    settings.ASSAY_ENCRYPTION_KEY = ""  # the old key is gone for good

    model.refresh_from_db()
    factor.refresh_from_db()
    assert new == keyring.keys().current != old
    assert done.n_files == len(names) + len(model.manifest) + 1  # the data it learnt from
    assert all(read(name) == CONTENT for name in names)
    assert bundles.load(model).mean == 70.0
    assert signing.signed_by(model) == new
    assert get_adapter().decrypt(factor.data["secret"]) == "JBSWY3DPEHPK3PXP"
    assert factor.data["used"] == [1]
    assert anchor.read() is None or anchor.key_in_use() == new


def test_a_second_rotation_finds_nothing_to_do(people, tmp_path):
    keep()
    trained_model(people, tmp_path)
    encryption.add(None)
    rotate()

    done = rotate()

    assert (done.n_files, done.n_signatures, done.n_factors, done.damaged) == (0, 0, 0, [])


def test_headers_are_wrapped_anew_and_contents_stay_as_they_rest(home):
    name = keep()
    path = home / "blobs" / name
    before = path.read_bytes()
    os.utime(path, (1_000_000_000, 1_000_000_000))

    encryption.add(None)
    rotate()

    assert path.read_bytes()[-len(CONTENT) :] == before[-len(CONTENT) :]
    assert path.stat().st_mtime == 1_000_000_000  # the sweep goes by it
    assert path.stat().st_mode & 0o777 == 0o600


def test_whole_files_are_encrypted_anew_once(home):
    name = keep()
    path = home / "blobs" / name
    before = path.read_bytes()
    later = path.stat().st_ctime + 100

    assert rotation.renew(name, whole_since=later)

    assert path.read_bytes()[-len(CONTENT) :] != before[-len(CONTENT) :]
    assert read(name) == CONTENT
    assert not rotation.renew(name, whole_since=path.stat().st_ctime - 1)


def test_a_reader_goes_on_in_the_middle_of_a_file_that_is_rotated():
    name = keep()
    with storage.open_blob(name) as stream:
        first = stream.read(70_000)

        encryption.add(None)
        rotate()

        assert first + stream.read() == CONTENT


def test_what_is_written_meanwhile_uses_the_new_key_and_what_began_before_is_counted():
    old = keyring.local().current
    begun = storage.write("uploads")
    begun.write(CONTENT)
    new = encryption.add(None)
    rotate()

    during = keep()

    assert key_of(during) == new
    assert use_of(old).n_files == 1  # half-written, under the old key
    begun.close()
    rotate()
    assert use_of(old).n_files == 0
    assert read(begun.name) == CONTENT


def test_a_file_that_was_only_begun_holds_its_key():
    """Its first bytes wait for no chunk to be full: who counts sees the key from the beginning."""
    old = keyring.add().id
    begun = storage.write("uploads")
    encryption.add(None)
    rotate()

    assert use_of(old).n_files == 1
    with pytest.raises(ConfigError, match="protects 1 files"):
        encryption.drop(old, None)
    begun.write(CONTENT)
    begun.close()
    assert read(begun.name) == CONTENT


def test_no_key_goes_while_a_file_that_is_written_does_not_tell_its_own(home):
    old = keyring.add().id
    encryption.add(None)
    keep()
    begun = home / "blobs" / "uploads" / f"begun{storage.PART}"
    begun.touch()

    with pytest.raises(ConfigError, match="1 file is being begun"):
        encryption.drop(old, None)
    begun.unlink()
    encryption.drop(old, None)

    assert old not in {held.key.id for held in keyring.held()}


@pytest.mark.parametrize("at", ["looked at", "opened"])
def test_a_file_that_gets_its_name_while_files_are_counted_is_counted(home, monkeypatch, at):
    name = keep()
    path = home / "blobs" / name
    path.rename(f"{path}{storage.PART}")
    place, look = (os, "stat") if at == "looked at" else (Path, "open")
    real = getattr(place, look)

    def late(found, *args, **how):
        if str(found).endswith(storage.PART):
            with contextlib.suppress(FileNotFoundError):
                Path(found).replace(path)
        return real(found, *args, **how)

    monkeypatch.setattr(place, look, late)

    assert [(found, key) for found, key, _ in rotation.key_ids()] == [
        (name, keyring.local().current)
    ]


def test_another_process_reads_at_once_what_a_new_key_wrote():
    """The file of keys is looked at again when it changes: nobody has to be started anew."""
    first = keep()
    path, key = Path(keyring.settings.ASSAY_KEYS_FILE), Key.fresh()

    add_key(path, key)  # as another process would

    assert key_of(keep()) == key.id
    assert read(first) == CONTENT


def test_a_file_that_is_deleted_while_it_is_rotated_does_not_come_back(monkeypatch):
    name = keep()
    encryption.add(None)
    deleting = threading.Thread(target=storage.delete, args=[name])

    def write_slowly(source, target, keys, **how):
        deleting.start()
        deleting.join(0.2)  # it waits for us
        cipher.renew(source, target, keys, **how)

    monkeypatch.setattr(rotation, "write_anew", write_slowly)
    assert rotation.renew(name)
    deleting.join(5)

    assert not storage.exists(name)
    assert list(storage.walk()) == []


def test_two_rotations_at_once_do_the_work_once():
    names = [keep(content=b"x" * 5000) for _ in range(20)]
    encryption.add(None)
    done: list[bool] = []

    threads = [
        threading.Thread(target=lambda: done.extend([rotation.renew(name) for name in names]))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(done) == len(names)
    assert all(read(name) == b"x" * 5000 for name in names)


@pytest.mark.parametrize("at", ["written", "renamed"])
def test_a_rotation_that_is_killed_harms_nothing_and_is_finished_later(at):
    names = [keep() for _ in range(3)]
    encryption.add(None)
    child = os.fork()
    if child == 0:  # the process that dies in the middle of the second file
        kill = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        rotation.renew(names[0])
        if at == "written":
            os.fsync = kill
        else:
            Path.replace = kill
        rotation.renew(names[1])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

    assert all(read(name) == CONTENT for name in names)
    assert sum(rotation.renew(name) for name in names) == 2
    assert all(read(name) == CONTENT for name in names)
    assert {name for name, _, _ in storage.walk()} == set(names)


# --- what was changed ------------------------------------------------------------------------
@pytest.mark.parametrize("place", [0, 5, 20, 40, 60, 100, 500, -1], ids=str)
def test_a_flipped_byte_is_refused_and_the_file_is_named_by_what_it_is(home, place):
    name = keep("prepared")
    flip(home / "blobs" / name, place)

    with pytest.raises(IntegrityError, match="the checked table of a dataset") as caught:
        read(name)

    assert name in str(caught.value)


def test_files_that_change_places_are_refused(people, tmp_path, home):
    model = trained_model(people, tmp_path)
    one, other = (home / "blobs" / entry["blob"] for entry in model.manifest.values())
    content = one.read_bytes()
    shutil.copyfile(other, one)
    other.write_bytes(content)

    with pytest.raises(ModelError, match="tiny model 1 must be whole"):
        bundles.materialise(model)


def test_a_rotation_names_what_was_changed_leaves_it_and_does_the_rest(people, tmp_path, home):
    damaged, whole = keep(), keep()
    forged = trained_model(people, tmp_path)
    type(forged).objects.filter(pk=forged.pk).update(signature="0" * 64)
    flip(home / "blobs" / damaged, -1)
    before = (home / "blobs" / damaged).read_bytes()
    encryption.add(None)

    done = rotate()

    assert len(done.damaged) == 2
    assert any(damaged in words for words in done.damaged)
    assert any("tiny model 1" in words for words in done.damaged)
    assert (home / "blobs" / damaged).read_bytes() == before
    forged.refresh_from_db()
    assert forged.signature == "0" * 64
    assert key_of(whole) == keyring.keys().current


def test_a_key_that_was_lost_is_told_by_name(settings):
    name, old = keep(), keyring.local().current
    settings.ASSAY_ENCRYPTION_KEY = base64.b64encode(b"z" * 32).decode()

    with pytest.raises(IntegrityError, match=old):
        read(name)
    assert not use_of(old).is_known
