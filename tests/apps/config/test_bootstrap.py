"""The first start: one admin in one team, and nothing twice."""

import pytest
from django.core.management import call_command

from apps.accounts.models import Role, Team, User
from ml_core.errors import ConfigError


@pytest.fixture(autouse=True)
def quick(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_DIRS = []
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.STATICFILES_FINDERS = []


def test_the_admin_s_password_is_random_and_shown_once(db, capsys):
    call_command("bootstrap", "--no-demo")
    shown = capsys.readouterr().out
    call_command("bootstrap", "--no-demo")
    again = capsys.readouterr().out

    admin = User.objects.get()
    password = shown.split("with the password ")[1].split()[0]
    assert admin.role == Role.ADMIN
    assert admin.check_password(password)
    assert list(admin.teams.all()) == [Team.objects.get()]
    assert "password" not in again


def test_the_admin_may_come_from_the_environment(db, monkeypatch, capsys):
    monkeypatch.setenv("ASSAY_ADMIN_EMAIL", "Ada@Example.org")
    monkeypatch.setenv("ASSAY_ADMIN_PASSWORD", "a long one of hers")

    call_command("bootstrap", "--no-demo")

    assert User.objects.get(email="ada@example.org").check_password("a long one of hers")
    assert "a long one of hers" not in capsys.readouterr().out


def test_it_does_nothing_without_an_encryption_key(db, settings):
    settings.ASSAY_ENCRYPTION_KEY = ""

    with pytest.raises(ConfigError, match="ASSAY_ENCRYPTION_KEY must be set"):
        call_command("bootstrap", "--no-demo")

    assert not User.objects.exists()
