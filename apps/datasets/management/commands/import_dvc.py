"""`manage.py import_dvc FOLDER`: take in a file of a DVC repository that lies on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import Team
from apps.catalog.services import registry
from apps.datasets.dvc import import_repository
from ml_core.data.dvc_places import FolderRepository
from ml_core.errors import DataError


class Command(BaseCommand):
    help = (
        "Take in a file of a DVC repository, from its cache, a local remote, or checked out. "
        "Nothing of the repository is run, and no other machine is asked."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("folder", type=Path, help="root of the repository")
        parser.add_argument("--entry", default="", help=".dvc file or path; the only one by itself")
        parser.add_argument("--remote", type=Path, action="append", default=[], help="a folder")
        parser.add_argument("--solution", required=True)
        parser.add_argument("--team", required=True, help="slug of the team that will own it")
        parser.add_argument("--name", default="", help="of the dataset; that of the file by itself")

    def handle(self, *args: Any, **options: Any) -> None:
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            known = ", ".join(Team.objects.values_list("slug", flat=True))
            message = f"A team must exist. Got {options['team']!r}. Choose one of {known}."
            raise CommandError(message)
        if options["solution"] not in registry():
            known = ", ".join(registry().solutions)
            message = f"A solution must exist. Got {options['solution']!r}. Choose one of {known}."
            raise CommandError(message)
        try:
            version = import_repository(
                FolderRepository(options["folder"], tuple(options["remote"])),
                entry=options["entry"], user=None, team=team, solution=options["solution"],
                name=options["name"], mapping="auto",
            )  # fmt: skip
        except DataError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{version} is taken in as {version.pk}; it is {version.state}.")
