"""Where keys come from, and rotating them by page, by REST and by command."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.accounts import keyring
from apps.audit.models import AuditEvent
from apps.datasets import rotation, storage
from apps.jobs.models import Job, State
from apps.jobs.services import cancel
from apps.monitoring import encryption, readings
from apps.monitoring.models import Kind
from ml_core.errors import ConfigError
from ml_core.security.key_file import read_keys
from ml_core.security.keys import Key
from tests.apps.monitoring.sealed import CONTENT, flip, keep, key_of, read
from tests.apps.monitoring.sealed import home as home  # noqa: PLC0414  a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]
PAGE, API = "/monitoring/keys/", "/api/v1/monitoring/encryption/"


# --- who has keys where ----------------------------------------------------------------------
def test_further_keys_of_the_environment_only_read(settings):
    name, old = keep(), settings.ASSAY_ENCRYPTION_KEY
    new = Key.fresh()
    settings.ASSAY_ENCRYPTION_KEY, settings.ASSAY_ENCRYPTION_KEYS_MORE = new.encoded, old

    assert read(name) == CONTENT
    assert key_of(keep()) == new.id


def test_a_key_of_the_environment_has_no_follower_beside_the_data(settings):
    settings.ASSAY_KEYS_FILE = ""

    with pytest.raises(ConfigError, match="ASSAY_ENCRYPTION_KEYS_MORE"):
        encryption.add(None)


def test_a_file_of_keys_that_others_may_read_stops_everything(settings):
    encryption.add(None)
    Path(settings.ASSAY_KEYS_FILE).chmod(0o644)

    with pytest.raises(ConfigError, match="chmod 600"):
        keep()


def test_a_write_without_the_key_service_leaves_no_half_file(settings, tmp_path):
    settings.ASSAY_KMS_ADDRESS = f"unix:{tmp_path}/nobody.sock"

    with pytest.raises(ConfigError, match="must answer"):
        storage.write("uploads")

    assert list(storage.walk()) == []


# --- by page, by REST, by command ------------------------------------------------------------
def test_the_page_makes_a_key_rotates_in_a_job_and_takes_the_old_one_away(
    people, login, run_jobs, settings
):
    first = encryption.add(None)
    name = keep()
    client = login(people.admin)

    answer = client.post(f"{PAGE}rotate/", {"new_key": "1"})
    [job] = run_jobs()
    page = client.get(PAGE).content.decode()
    refused = client.post(f"{PAGE}drop/", {"key": keyring.keys().current}, follow=True)
    client.post(f"{PAGE}drop/", {"key": first})

    assert (answer.status_code, answer["Location"]) == (302, job.get_absolute_url())
    assert (job.state, job.result_url) == (State.SUCCEEDED, PAGE)
    assert first in page
    assert "Take away" in page
    assert "must protect nothing" in refused.content.decode()
    assert [key.id for key in read_keys(Path(settings.ASSAY_KEYS_FILE))] == [key_of(name)]
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"encryption.key_added", "encryption.rotated", "encryption.key_dropped"} <= actions


def test_a_key_that_protects_something_stays(people, login):
    first = encryption.add(None)
    keep()
    encryption.add(None)

    answer = login(people.admin).post(f"{PAGE}drop/", {"key": first}, follow=True)

    assert "protects 1 files" in answer.content.decode()
    assert keyring.local().knows(first)


def test_rest_counts_and_rotates(people, api, run_jobs):
    keep()
    client = api(people.admin)

    started = client.post(API, {"new_key": True})
    again = client.post(API, {})
    run_jobs()
    found = client.get(API).json()

    assert started.status_code == again.status_code == 202
    assert started.json()["id"] == again.json()["id"]  # one that waits already
    assert found["n_unreadable"] == 0
    assert [use["n_files"] for use in found["keys"] if use["is_current"]] == [1]
    assert [use["is_free"] for use in found["keys"]] == [False, True]


@pytest.mark.parametrize("person", ["alice", "bob", "dora", "charlie"])
def test_others_than_admins_may_not(people, api, login, person):
    user = getattr(people, person)

    assert api(user).post(API, {"new_key": True}).status_code == 403
    assert login(user).post(f"{PAGE}rotate/", {"new_key": "1"}).status_code == 403
    assert not Job.objects.exists()
    assert not Path(keyring.settings.ASSAY_KEYS_FILE).exists()


def test_a_job_that_meets_a_damaged_file_fails_and_says_which(people, api, run_jobs, home):
    name = keep()
    flip(home / "blobs" / name, -1)

    api(people.admin).post(API, {"new_key": True})
    [job] = run_jobs()

    assert job.state == State.FAILED
    assert name in job.error


def test_a_cancelled_rotation_is_finished_by_the_next(people, api, run_jobs, monkeypatch):
    names = [keep() for _ in range(4)]
    client, renew = api(people.admin), rotation.renew
    job = Job.objects.get(pk=client.post(API, {"new_key": True}).json()["id"])
    monkeypatch.setattr("apps.jobs.progress.ASK_EVERY_S", 0)

    def renew_and_cancel(name, **how):
        done = renew(name, **how)
        cancel(job, people.admin)
        return done

    monkeypatch.setattr(rotation, "renew", renew_and_cancel)
    [stopped] = run_jobs()
    monkeypatch.setattr(rotation, "renew", renew)
    under_new = sum(key_of(name) == keyring.keys().current for name in names)
    client.post(API, {})
    [finished] = run_jobs()

    assert (stopped.state, under_new) == (State.CANCELLED, 1)
    assert finished.state == State.SUCCEEDED
    assert {key_of(name) for name in names} == {keyring.keys().current}


def test_the_command_rotates_tells_and_takes_away():
    first = encryption.add(None)
    keep()
    out = io.StringIO()

    call_command("rotate_keys", "--new-key", stdout=out)
    call_command("rotate_keys", "--drop", first, stdout=out)

    assert "1 files" in out.getvalue()
    assert not keyring.local().knows(first)
    with pytest.raises(CommandError, match="must be known"):
        call_command("rotate_keys", "--drop", first, stdout=out)


def test_the_command_ends_with_an_error_when_something_stays(home):
    flip(home / "blobs" / keep(), -1)

    with pytest.raises(CommandError, match="1 things stay"):
        call_command("rotate_keys", "--new-key", stdout=io.StringIO(), stderr=io.StringIO())


def test_counting_is_kept_for_the_page():
    assert readings.newest(Kind.KEYS) is None

    keep()
    encryption.measure()

    assert readings.newest(Kind.KEYS).facts["files"] == {keyring.local().current: 1}
