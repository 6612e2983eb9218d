"""Settings from the environment, the version from the changelog, secrets kept for their owner."""

import base64
import stat

import pytest
from rest_framework.throttling import AnonRateThrottle

from apps.config import environment, secrets_file
from apps.config.version import read_version
from ml_core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "on"), [("1", True), ("TRUE", True), ("0", False), ("off", False)]
)
def test_a_flag_is_on_or_off(monkeypatch, text, on):
    monkeypatch.setenv("ASSAY_X", text)

    assert environment.flag("ASSAY_X") is on


@pytest.mark.parametrize(
    ("read", "rule"),
    [
        (environment.flag, "1 or 0"),
        (lambda name: environment.whole(name, 1), "a whole number"),
        (lambda name: environment.seconds(name, 1), "a number of seconds"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(monkeypatch, read, rule):
    monkeypatch.setenv("ASSAY_X", "perhaps")

    with pytest.raises(ConfigError, match=f"ASSAY_X must be {rule}. Got 'perhaps'"):
        read("ASSAY_X")


def test_a_secret_comes_from_the_variable_then_the_file_then_what_was_kept(monkeypatch, tmp_path):
    file = tmp_path / "secret"
    file.write_text("from file\n")
    kept = {"ASSAY_X": "kept"}

    first = environment.secret("ASSAY_X", kept)
    monkeypatch.setenv("ASSAY_X_FILE", str(file))
    second = environment.secret("ASSAY_X", kept)
    monkeypatch.setenv("ASSAY_X", "from variable")
    third = environment.secret("ASSAY_X", kept)

    assert (first, second, third) == ("kept", "from file", "from variable")


def test_a_secret_file_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_X_FILE", str(tmp_path / "none"))

    with pytest.raises(ConfigError, match="ASSAY_X_FILE must be a file"):
        environment.secret("ASSAY_X", {})


def test_new_secrets_are_for_their_owner_only(tmp_path):
    file = tmp_path / "home" / "secrets.env"

    written = secrets_file.write_once(file)

    kept = environment.kept_secrets(file)
    assert written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(base64.b64decode(kept["ASSAY_ENCRYPTION_KEY"])) == 32
    assert len(kept["ASSAY_SECRET_KEY"]) > 50


def test_secrets_are_never_overwritten(tmp_path):
    file = tmp_path / "secrets.env"
    secrets_file.write_once(file)
    before = file.read_text()

    again = secrets_file.write_once(file)

    assert not again
    assert file.read_text() == before
    assert list(tmp_path.iterdir()) == [file]


def test_the_version_is_the_newest_of_the_changelog(tmp_path):
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(
        "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-01\n\n## [1.2.2]\n"
    )

    assert read_version(changelog) == "1.2.3"
    assert read_version(tmp_path / "none") == "0.0.0"


def test_a_stranger_cannot_choose_the_address_that_is_counted(rf):
    request = rf.get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="203.0.113.9")

    assert AnonRateThrottle().get_ident(request) == "192.0.2.1"
