"""`manage.py sweep_files`: remove stored files that belong to nothing."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.datasets.storage import STALE_S
from apps.monitoring.sweep import sweep
from ml_core.errors import ConfigError


class Command(BaseCommand):
    help = (
        "Remove stored files that no row speaks of and that are older than a day. Safe to repeat."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--hours", type=float, default=STALE_S / 3600, help="at least 1")
        parser.add_argument("--sure", action="store_true", help="even if it is most of all files")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            swept = sweep(older_than_s=3600 * options["hours"], is_sure=options["sure"])
        except ConfigError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{swept.n_files} files without a row ({swept.n_bytes} bytes) and "
            f"{swept.n_half} half-written files were removed."
        )
