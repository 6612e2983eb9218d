"""Make an installation ready: tables, static files, the first admin, demo data."""

from __future__ import annotations

import os
import secrets
from typing import Any

from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand
from django.db import transaction

from apps.accounts import keyring
from apps.accounts.models import Membership, Role, Team, User
from apps.config.environment import secret
from ml_core.errors import ConfigError


class Command(BaseCommand):
    help = "Migrate, collect static files, make the first admin and load demo data. Safe to repeat."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--no-demo", action="store_true", help="load no demo data")

    def handle(self, *args: Any, **options: Any) -> None:
        self._check_secrets()
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        is_first = self._make_admin()
        if is_first and not options["no_demo"] and "load_demo" in get_commands():
            call_command("load_demo", verbosity=0)

    def _check_secrets(self) -> None:
        if not keyring.held():
            raise ConfigError(
                "ASSAY_ENCRYPTION_KEY must be set. It is not. Start with `make run`, which makes "
                "one, or set it to 32 random bytes in base64."
            )

    @transaction.atomic
    def _make_admin(self) -> bool:
        if User.objects.exists():
            return False
        email = os.environ.get("ASSAY_ADMIN_EMAIL", "admin@example.org")
        given = secret("ASSAY_ADMIN_PASSWORD", {})
        password = given or secrets.token_urlsafe(15)
        team = Team.objects.create(name="Default team", slug="default")
        user = User.objects.create_user(email, password, role=Role.ADMIN)
        Membership.objects.create(team=team, user=user)
        shown = "the password of ASSAY_ADMIN_PASSWORD" if given else f"the password {password}"
        self.stdout.write(f"\n  Log in as {email} with {shown}")
        if not given:
            self.stdout.write("  It is shown this once. Change it under Settings, Password.\n")
        return True
