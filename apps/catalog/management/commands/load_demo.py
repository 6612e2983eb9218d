"""Give a fresh installation something to look at."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import Role, Team, User
from apps.catalog import services
from apps.datasets.models import Dataset


class Command(BaseCommand):
    help = "Take in the sample of each solution, once."

    def handle(self, *args: Any, **options: Any) -> None:
        team = Team.objects.order_by("memberships__joined_at").first()
        if team is None:
            raise CommandError("There must be a team. Got none. Make the admin first.")
        user = User.objects.filter(role=Role.ADMIN, teams=team).first()
        for solution in services.registry():
            samples = Dataset.objects.filter(name=services.DEMO_NAME, solution=solution.slug)
            if samples.exists():
                self.stdout.write(f"{solution.title}: has its demo data")
                continue
            version = services.load_demo(solution=solution, team=team, user=user)
            self.stdout.write(f"{solution.title}: {version.filename} is {version.state}")
