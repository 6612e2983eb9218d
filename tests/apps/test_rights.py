"""Every address asks for a right: as nobody, as an outsider, as a team-mate, as the owner.

An app whose addresses hold ids says in `tests/apps/<app>/rights.py` how to make a thing of
Alice's to try: `OBJECTS` maps "<namespace>:<name of the id in the address>" (for the API:
"api:<basename>") to a function from people to an id. `OPEN` holds values that are nobody's own,
such as solutions.
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

from apps.accounts.models import Role
from apps.accounts.policies import RIGHTS
from tests.people import PASSWORD

# Whoever comes may see these; each has a reason.
PUBLIC = {
    "account_login": "this is where a stranger proves who he is",
    "account_logout": "sends a stranger to the start",
    "account_welcome": "the link in it is the proof, and works once",
    "account_inactive": "tells an inactive person so",
    "mfa_authenticate": "the second step of the login; without the first it leads back there",
    "web:healthz": "a sign of life that says nothing of anybody",
    "monitoring:readyz": "says which parts work, for load balancers",
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
    return str(address.callback.initkwargs.get("basename", address.name.rpartition(":")[2]))


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
MAY_BE_MISSING = {name for room in ROOMS for name in getattr(room, "MAY_BE_MISSING", set())}
MAKERS = {key: lambda people, value=value: value for key, value in OPEN.items()} | {
    key: make for room in ROOMS for key, make in room.OBJECTS.items()
}


def _name(address: Address) -> str:
    return address.name


@pytest.fixture(autouse=True)
def tiny_solution(settings, tmp_path, monkeypatch):
    """A solution that learns in milliseconds, and a storage that is thrown away."""
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.tiny_solution"]
    settings.ASSAY_DATA_DIR = tmp_path / "home"
    settings.ASSAY_DATA_DIR.mkdir()
    # A view that lets go of its connection would end the transaction of the test with it.
    keep = "django.db.backends.base.base.BaseDatabaseWrapper.close_if_unusable_or_obsolete"
    monkeypatch.setattr(keep, lambda connection: None)
    settings.ASSAY_CACHE_DIR = tmp_path / "home" / "cache"


def _url(address: Address, people) -> str:
    """Make the things that the address names, as Alice's, and return the address filled in."""
    makers = {part: MAKERS.get(address.key_of(part)) for part in address.keys}
    missing = [address.key_of(part) for part, make in makers.items() if make is None]
    assert not missing, (
        f"{address.name} has no case for {missing}. Add one to tests/apps/<app>/rights.py."
    )
    return reverse(address.name, kwargs={part: make(people) for part, make in makers.items()})


def _status(client, url: str) -> int:
    """Ask in the ways there are, until one is offered."""
    statuses = (getattr(client, method)(url).status_code for method in ("get", "post", "put"))
    return next((status for status in statuses if status != 405), 405)


def methods_of(address: Address) -> list[tuple[str, str]]:
    """The methods of an address of the API, with the right that each declares."""
    view, needed = address.api_view, getattr(address.api_view, "actions_needed", {})
    actions = getattr(address.callback, "actions", None) or {
        method: "" for method in ("get", "post", "put", "patch", "delete") if hasattr(view, method)
    }
    offered = [(method.upper(), name) for method, name in actions.items() if method != "head"]
    return [(method, needed.get(name) or needed.get(method, "")) for method, name in offered]


@pytest.mark.parametrize("address", GUARDED, ids=_name)
def test_it_declares_the_right_it_needs(address):
    if address.api_view is None:
        assert address.action in RIGHTS, f"{address.name} must be under @allowed(...)"
        return
    needed = getattr(address.api_view, "actions_needed", {})
    assert needed, f"{address.name} must have actions_needed"
    assert set(needed.values()) <= set(RIGHTS)
    for method, action in methods_of(address):
        assert action, f"{address.name} {method} needs no right"


@pytest.mark.parametrize("address", GUARDED, ids=_name)
def test_a_stranger_is_sent_to_the_login(address, people, client):
    url = _url(address, people)

    answer = client.get(url)
    if answer.status_code == 405:
        answer = client.post(url)

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


def test_djangos_admin_is_not_there(people, login):
    assert login(people.admin).get("/admin/").status_code == 404


OWNED = [a for a in GUARDED if any(a.key_of(part) not in OPEN for part in a.keys)]


@pytest.mark.parametrize("address", OWNED, ids=_name)
def test_an_outsider_finds_nothing(address, people, login):
    """Even one whose role may do it, in his own team."""
    url = _url(address, people)
    people.charlie.role = Role.APPROVER
    people.charlie.save()

    if address.api_view is None:
        client = login(people.charlie)
    else:
        client = APIClient()
        client.force_authenticate(people.charlie)

    assert _status(client, url) == 404


@pytest.mark.parametrize("address", OWNED, ids=_name)
def test_a_team_mate_finds_it(address, people, login):
    url = _url(address, people)
    is_personal = any(address.key_of(part) in PERSONAL for part in address.keys)
    person = people.alice if is_personal else people.bob
    if address.api_view is None:
        client = login(person)
    else:
        client = APIClient()
        client.force_authenticate(person)

    status = _status(client, url)

    assert status != 404 or address.name in MAY_BE_MISSING
    assert status < 500


def test_every_public_address_exists():
    assert set(PUBLIC) <= {address.name for address in ADDRESSES}


def test_an_inactive_person_cannot_log_in(people, client):
    people.alice.is_active = False
    people.alice.save()

    client.post(reverse("account_login"), {"login": people.alice.email, "password": PASSWORD})

    assert "_auth_user_id" not in client.session
