"""Every address asks for a right: as nobody, as an outsider, as a team-mate, as the owner.

An app whose addresses hold ids says in `tests/apps/<app>/rights.py` which thing of Alice's to
try: `objects(people)` maps "<namespace>:<name of the id in the address>" (for the API:
"api:<basename>") to the id. Names in `OPEN` are things of nobody, such as solutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.test import APIClient

from apps.accounts.policies import RIGHTS
from tests.people import PASSWORD

# Whoever comes may see these; each has a reason.
PUBLIC = {
    "account_login": "this is where a stranger proves who he is",
    "account_logout": "sends a stranger to the start",
    "account_inactive": "tells an inactive person so",
    "mfa_authenticate": "the second step of the login; without the first it leads back there",
    "web:healthz": "a sign of life that says nothing of anybody",
    "api-docs-script": "a constant script",
}
# Guarded by the packages that bring them: a stranger is sent to the login.
LOGIN_ONLY_PREFIXES = ("account_", "mfa_", "admin:")
# The schema lists routes, not data, to people who have logged in.
LOGIN_ONLY = {"api-schema"}


@dataclass(frozen=True)
class Address:
    name: str
    route: str
    callback: Any
    keys: tuple[str, ...]

    @property
    def action(self) -> str | None:
        """The right that the address declares, None without one."""
        return getattr(self.callback, "action_needed", None)

    @property
    def api_view(self) -> Any:
        return getattr(self.callback, "cls", None)

    def key_of(self, part: str) -> str:
        """The name under which an app offers an object for this part of the address."""
        namespace, _, rest = self.name.rpartition(":")
        if namespace == "api" and part == "pk":
            return f"api:{rest.rsplit('-', 1)[0] if not _is_extra(self) else _base_of(self)}"
        return f"{namespace}:{part}"


def _is_extra(address: Address) -> bool:
    return not address.name.endswith(("-list", "-detail"))


def _base_of(address: Address) -> str:
    return str(address.callback.initkwargs["basename"])


def _walk(patterns, namespace="", route="", keys=()):
    for pattern in patterns:
        text = route + str(pattern.pattern)
        more = (*keys, *pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inner = ":".join(part for part in (namespace, pattern.namespace) if part)
            yield from _walk(pattern.url_patterns, inner, text, more)
        elif isinstance(pattern, URLPattern):
            name = ":".join(part for part in (namespace, pattern.name) if part)
            yield Address(name, text, pattern.callback, tuple(dict.fromkeys(more)))


def _is_extra_route(address: Address) -> bool:
    return address.route.startswith("admin/") or "format" in address.keys


ADDRESSES = [a for a in _walk(get_resolver().url_patterns) if not _is_extra_route(a)]
GUARDED = [
    a
    for a in ADDRESSES
    if a.name not in PUBLIC
    and a.name not in LOGIN_ONLY
    and not a.name.startswith(LOGIN_ONLY_PREFIXES)
]
HERE = Path(__file__).parent
ROOMS = [
    import_module(f"tests.apps.{folder.name}.rights")
    for folder in sorted(HERE.iterdir())
    if folder.is_dir() and find_spec(f"tests.apps.{folder.name}.rights")
]
OPEN: dict[str, Any] = {k: v for room in ROOMS for k, v in getattr(room, "OPEN", {}).items()}
PERSONAL = {key for room in ROOMS for key in getattr(room, "PERSONAL", set())}


def _name(address: Address) -> str:
    return address.name


@pytest.fixture
def objects(people) -> dict[str, Any]:
    return {k: v for room in ROOMS for k, v in room.objects(people).items()} | OPEN


def _url(address: Address, objects: dict[str, Any]) -> str:
    missing = [part for part in address.keys if address.key_of(part) not in objects]
    assert not missing, (
        f"{address.name} has no case for {[address.key_of(part) for part in missing]}. "
        "Add one to tests/apps/<app>/rights.py."
    )
    kwargs = {part: objects[address.key_of(part)] for part in address.keys}
    return reverse(address.name, kwargs=kwargs)


def _status(client, url: str) -> int:
    """Ask by GET, or by POST where only that is offered."""
    status = client.get(url).status_code
    return client.post(url).status_code if status == 405 else status


@pytest.mark.parametrize("address", GUARDED, ids=_name)
def test_it_declares_the_right_it_needs(address):
    if address.api_view is None:
        assert address.action in RIGHTS, f"{address.name} must be under @allowed(...)"
        return
    needed = getattr(address.api_view, "actions_needed", {})
    actions = getattr(address.callback, "actions", None) or {}
    wanted = [(method.upper(), name) for method, name in actions.items() if method != "head"]
    assert needed, f"{address.name} must have actions_needed"
    assert set(needed.values()) <= set(RIGHTS)
    for method, name in wanted:
        assert name in needed or method in needed, f"{address.name} {method} needs no right"


@pytest.mark.parametrize("address", GUARDED, ids=_name)
def test_a_stranger_is_sent_to_the_login(address, objects, client):
    answer = client.get(_url(address, objects))
    if answer.status_code == 405:
        answer = client.post(_url(address, objects))

    if address.api_view is not None:
        assert answer.status_code == 401
    else:
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("name", [a.name for a in ADDRESSES if a.name.startswith("mfa_")])
def test_a_stranger_has_no_second_factor(name, client):
    assert client.get(reverse(name)).status_code == 302


def test_a_stranger_gets_no_schema(client):
    assert client.get(reverse("api-schema")).status_code == 401


@pytest.mark.parametrize("person", ["alice", "charlie"])
def test_only_admins_open_the_admin_pages(person, people, login):
    answer = login(getattr(people, person)).get("/admin/")

    assert answer.status_code in {302, 403}


OWNED = [a for a in GUARDED if any(a.key_of(part) not in OPEN for part in a.keys)]


@pytest.mark.parametrize("address", OWNED, ids=_name)
def test_an_outsider_finds_nothing(address, objects, people, login):
    url = _url(address, objects)

    if address.api_view is None:
        client = login(people.charlie)
    else:
        client = APIClient()
        client.force_authenticate(people.charlie)

    assert _status(client, url) == 404


@pytest.mark.parametrize("address", OWNED, ids=_name)
def test_a_team_mate_finds_it(address, objects, people, login):
    is_personal = any(address.key_of(part) in PERSONAL for part in address.keys)
    person = people.alice if is_personal else people.bob
    if address.api_view is None:
        client = login(person)
    else:
        client = APIClient()
        client.force_authenticate(person)

    status = _status(client, _url(address, objects))

    assert status != 404
    assert status < 500


def test_every_public_address_exists():
    assert set(PUBLIC) <= {address.name for address in ADDRESSES}


def test_an_inactive_person_cannot_log_in(people, client):
    people.alice.is_active = False
    people.alice.save()

    client.post(reverse("account_login"), {"login": people.alice.email, "password": PASSWORD})

    assert "_auth_user_id" not in client.session
