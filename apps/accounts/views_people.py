"""Pages on which an admin keeps people, and everybody's keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.accounts import people, rights, services
from apps.accounts.forms_people import InvitationForm, KeysFilter, PeopleFilter, PersonForm
from apps.accounts.models import ApiKey, Role
from apps.accounts.policies import UserRequest, allowed
from ml_core.errors import ConfigError, NotAllowedError

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apps.accounts.models import User

PAGE = 50


@allowed("users.manage")
def index(request: UserRequest) -> HttpResponse:
    form = PeopleFilter(request.GET)
    page = Paginator(_found(form), PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/people.html", {"page_obj": page, "form": form})


def _found(form: PeopleFilter) -> QuerySet[User]:
    found = people.everybody()
    if not form.is_valid():
        return found
    said = form.cleaned_data
    for word in said["q"].split():
        found = found.filter(
            Q(email__icontains=word) | Q(first_name__icontains=word) | Q(last_name__icontains=word)
        )
    if said["role"]:
        found = found.filter(role=said["role"])
    if said["team"]:
        found = found.filter(memberships__team=said["team"])
    return found.filter(is_active=said["state"] == "active") if said["state"] else found


@never_cache
@allowed("users.manage")
def invite(request: UserRequest) -> HttpResponse:
    """Make a person; the link to set a password stands on this answer and nowhere else."""
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            person, path = people.invite(
                email=form.cleaned_data["email"], about=form.about(), by=request.user
            )
        except ConfigError as error:
            form.add_error("email", str(error))
        else:
            return _person_page(request, person, link=request.build_absolute_uri(path))
    return render(request, "accounts/invite.html", {"form": form})


@allowed("users.manage")
def detail(request: UserRequest, person_id: uuid.UUID) -> HttpResponse:
    person = _person(person_id)
    if request.method != "POST":
        return _person_page(request, person)
    form = PersonForm(request.POST)
    if form.is_valid():
        try:
            people.change(person_id=person_id, about=form.about(), by=request.user)
        except NotAllowedError as error:
            form.add_error("role", str(error))
        else:
            messages.success(request, f"{person.email} is changed. It holds from now on.")
            return redirect("people:detail", person_id)
    return _person_page(request, person, form=form)


def _person_page(
    request: UserRequest, person: User, *, form: PersonForm | None = None, link: str = ""
) -> HttpResponse:
    shown = _person(person.pk)
    known = {
        "first_name": shown.first_name, "last_name": shown.last_name, "role": shown.role,
        "teams": [team.pk for team in shown.teams.all()],
    }  # fmt: skip
    context = {
        "person": shown,
        "form": form or PersonForm(initial=known),
        "link": link,
        "keys": shown.api_keys.select_related("team"),
        "is_self": shown.pk == request.user.pk,
    }
    return render(request, "accounts/person.html", context)


def _person(person_id: uuid.UUID) -> User:
    return get_object_or_404(people.everybody(), pk=person_id)


@require_POST
@allowed("users.manage")
def deactivate(request: UserRequest, person_id: uuid.UUID) -> HttpResponse:
    return _act(request, person_id, people.deactivate, "is locked out. Sessions and keys ended.")


@require_POST
@allowed("users.manage")
def reactivate(request: UserRequest, person_id: uuid.UUID) -> HttpResponse:
    return _act(request, person_id, people.reactivate, "may log in again.")


@require_POST
@allowed("users.manage")
def reset_factor(request: UserRequest, person_id: uuid.UUID) -> HttpResponse:
    return _act(request, person_id, people.reset_second_factor, "has no second factor any more.")


@require_POST
@allowed("users.manage")
def end_sessions(request: UserRequest, person_id: uuid.UUID) -> HttpResponse:
    return _act(request, person_id, people.end_sessions, "is logged out everywhere.")


@never_cache
@require_POST
@allowed("users.manage")
def reset_password(request: UserRequest, person_id: uuid.UUID) -> HttpResponse:
    _person(person_id)
    try:
        person, path = people.reset_password(person_id=person_id, by=request.user)
    except NotAllowedError as error:
        messages.error(request, str(error))
        return redirect("people:detail", person_id)
    return _person_page(request, person, link=request.build_absolute_uri(path))


def _act(
    request: UserRequest, person_id: uuid.UUID, act: Callable[..., User], done: str
) -> HttpResponse:
    _person(person_id)
    try:
        person = act(person_id=person_id, by=request.user)
    except NotAllowedError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{person.email} {done}")
    return redirect("people:detail", person_id)


@allowed("users.manage")
def roles(request: UserRequest) -> HttpResponse:
    shown = [(role.label, rights.ROLE_WORDS[role]) for role in Role]
    return render(request, "accounts/roles.html", {"groups": rights.table(), "roles": shown})


@allowed("users.manage")
def keys(request: UserRequest) -> HttpResponse:
    """List the keys of everybody."""
    form = KeysFilter(request.GET)
    page = Paginator(_found_keys(form), PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/all_keys.html", {"page_obj": page, "form": form})


def _found_keys(form: KeysFilter) -> QuerySet[ApiKey]:
    found = ApiKey.objects.select_related("user", "team")
    if not form.is_valid():
        return found
    words, state = form.cleaned_data["q"], form.cleaned_data["state"]
    if words:
        found = found.filter(
            Q(user__email__icontains=words) | Q(name__icontains=words) | Q(prefix__startswith=words)
        )
    if state:
        usable = ApiKey.objects.usable().values("pk")
        found = found.filter(pk__in=usable) if state == "usable" else found.exclude(pk__in=usable)
    return found


@require_POST
@allowed("users.manage")
def revoke_key(request: UserRequest, key_id: uuid.UUID) -> HttpResponse:
    key = ApiKey.objects.select_related("user", "team").filter(pk=key_id).first()
    if key is None:
        raise Http404
    services.revoke_key(key, by=request.user)
    messages.success(request, f"The key {key.name} of {key.user.email} stops working now.")
    return redirect("people:keys")
