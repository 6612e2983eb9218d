"""What the side bar offers: pages that exist, to people who may open them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.urls import Resolver404, resolve

from apps.accounts.policies import can

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.accounts.models import User


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the side bar; `action` is the right that opens it, `None` for everybody."""

    title: str
    path: str
    icon: str
    action: str | None = None

    def is_current(self, path: str) -> bool:
        """Say whether `path` is this page or lies below it."""
        return path == self.path if self.path == "/" else path.startswith(self.path)


@dataclass(frozen=True, slots=True)
class Section:
    """A group of entries under a small heading; the first one has none."""

    title: str
    entries: tuple[Entry, ...]


SECTIONS: tuple[Section, ...] = (
    Section(
        "",
        (
            Entry("Dashboard", "/", icon="layout-dashboard"),
            Entry("Solutions", "/solutions/", icon="apps", action="solutions.view"),
        ),
    ),
    Section(
        "Work",
        (
            Entry("Datasets", "/datasets/", icon="database", action="datasets.view"),
            Entry("Results", "/results/", icon="report-analytics", action="results.view"),
            Entry("Answers", "/answers/", icon="message-question", action="results.view"),
            Entry("Jobs", "/jobs/", icon="list-check", action="jobs.view"),
        ),
    ),
    Section(
        "Learning",
        (
            Entry("Features", "/features/", icon="table-options", action="features.view"),
            Entry("Trainings", "/runs/", icon="chart-line", action="runs.view"),
            Entry("Models", "/models/", icon="box", action="models.view"),
            Entry("Schedules", "/schedules/", icon="calendar-time", action="schedules.view"),
        ),
    ),
    Section(
        "House",
        (
            Entry("Audit", "/audit/", icon="shield-check", action="audit.view"),
            Entry("People", "/people/", icon="users", action="users.manage"),
            Entry("Health", "/monitoring/", icon="heartbeat", action="monitoring.view"),
            Entry("Benchmarks", "/benchmarks/", icon="gauge", action="models.view"),
            Entry("Settings", "/settings/", icon="settings"),
            Entry("API", "/api/docs/", icon="api"),
        ),
    ),
)


def sections_for(user: User | AnonymousUser) -> list[Section]:
    """Return the sections with the entries that exist and that `user` may open."""
    chosen = []
    for section in SECTIONS:
        entries = tuple(entry for entry in section.entries if _is_open(entry, user))
        if entries:
            chosen.append(Section(section.title, entries))
    return chosen


def _is_open(entry: Entry, user: User | AnonymousUser) -> bool:
    if not exists(entry.path):
        return False
    return entry.action is None or can(user, entry.action)


@lru_cache(maxsize=64)
def exists(path: str) -> bool:
    """Say whether an address leads to a page of this installation."""
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
