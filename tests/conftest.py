"""What every test may ask for: people, clients that are logged in, a worker in the same process."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from apps.audit import triggers
from apps.jobs import runner
from apps.jobs.models import Job, State
from tests.people import People, make_people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOCAL = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to other machines."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in _LOCAL:
            raise OSError(f"A test must not use the network. It tried {address[0]}.")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Begin each test without what another one left."""
    cache.clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> None:
    """Take the audit triggers off the test database, which is emptied by DELETE after a test.

    Tests of the triggers put them on for themselves.
    """
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        triggers.remove(None, editor)


@pytest.fixture
def people(db: None) -> People:
    return make_people()


@pytest.fixture
def alice(people: People):
    return people.alice


@pytest.fixture
def bob(people: People):
    return people.bob


@pytest.fixture
def charlie(people: People):
    return people.charlie


@pytest.fixture
def dora(people: People):
    return people.dora


@pytest.fixture
def admin(people: People):
    return people.admin


@pytest.fixture
def team(people: People):
    return people.team


@pytest.fixture
def login(db: None) -> Callable[..., Client]:
    """Return a browser in which a person has logged in."""

    def log_in(user) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return log_in


@pytest.fixture
def api(db: None) -> Callable[..., APIClient]:
    """Return a REST client that acts for a person."""

    def act_for(user) -> APIClient:
        client = APIClient()
        client.force_authenticate(user)
        return client

    return act_for


@pytest.fixture
def run_jobs(db: None) -> Iterator[Callable[[], list]]:
    """Run every queued job in this process, as a worker would; returns the jobs as they ended."""

    def run_all() -> list:
        ended = []
        while job := Job.objects.filter(state=State.QUEUED).order_by("created_at").first():
            assert len(ended) < 100, "a job comes back for ever"
            ended.append(runner.run(job.id))
        return ended

    return run_all
