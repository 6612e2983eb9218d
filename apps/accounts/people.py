"""What an admin does about people: invite, change, lock out, let in again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from axes.utils import reset as forgive_failures
from django.contrib.auth.tokens import default_token_generator
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from apps.accounts.models import Membership, Role, User
from apps.accounts.services import house_changed
from ml_core.errors import ConfigError, NotAllowedError

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from apps.accounts.models import Team


@dataclass(frozen=True, slots=True)
class About:
    """What an admin says of a person."""

    first_name: str
    last_name: str
    role: str
    teams: tuple[Team, ...] = ()


def everybody() -> QuerySet[User]:
    """Return all people, each with whether a second factor is set up, and the teams."""
    factor = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    people = User.objects.annotate(has_second_factor=Exists(factor))
    return people.prefetch_related("teams").order_by("email")


@transaction.atomic
def invite(*, email: str, about: About, by: User) -> tuple[User, str]:
    """Make a person and return the path at which the password is set, which is told this once.

    Raises: ConfigError: if the address is taken.
    """
    if User.objects.filter(email__iexact=email).exists():
        raise ConfigError(_taken(email))
    fields = {"first_name": about.first_name, "last_name": about.last_name, "role": about.role}
    try:
        with transaction.atomic():
            person = User.objects.create_user(email, None, **fields)
    except IntegrityError as error:  # somebody else was faster
        raise ConfigError(_taken(email)) from error
    _put_into(person, about.teams)
    _tell("user.invited", by, person, after=_state(person))
    return person, _entrance(person)


def _taken(email: str) -> str:
    return f"The email address of a person must be used once. {email} is. Search for the person."


@transaction.atomic
def change(*, person_id: uuid.UUID, about: About, by: User) -> User:
    """Change name, role and teams of a person.

    Raises: NotAllowedError: for one's own role, or the role of the last active admin.
    """
    person = _locked(person_id)
    if about.role != person.role:
        _forbid_self(person, by, "change the role of")
        if person.role == Role.ADMIN:
            _forbid_last_admin(person)
    before = _state(person)
    person.first_name, person.last_name = about.first_name, about.last_name
    person.role = about.role
    person.save()
    _put_into(person, about.teams)
    after = _state(person)
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        _tell(
            "user.changed", by, person,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )  # fmt: skip
    return person


@transaction.atomic
def deactivate(*, person_id: uuid.UUID, by: User) -> User:
    """Lock a person out at once: sessions end, and keys stop working.

    Raises: NotAllowedError: for oneself, or the last active admin.
    """
    person = _locked(person_id)
    _forbid_self(person, by, "deactivate")
    if person.is_active:
        _forbid_last_admin(person)
        person.is_active = False
        person.session_epoch += 1
        person.save()
        _tell("user.deactivated", by, person, before={"active": True}, after={"active": False})
    return person


@transaction.atomic
def reactivate(*, person_id: uuid.UUID, by: User) -> User:
    """Let a person in again, with the password and the keys of before."""
    person = _locked(person_id)
    if not person.is_active:
        person.is_active = True
        person.save()
        _tell("user.reactivated", by, person, before={"active": False}, after={"active": True})
    return person


@transaction.atomic
def reset_password(*, person_id: uuid.UUID, by: User) -> tuple[User, str]:
    """Take a person's password away and return the path at which a new one is set.

    Sessions end, earlier links stop working, and a lock after wrong passwords is lifted.
    Raises: NotAllowedError: for oneself, or an inactive person.
    """
    person = _locked(person_id)
    _forbid_self(person, by, "reset the password of")
    if not person.is_active:
        raise NotAllowedError(
            f"A person must be active to get a new password. {person} is not. Reactivate first."
        )
    person.set_unusable_password()
    person.session_epoch += 1
    person.save()
    forgive_failures(username=person.email)
    _tell("user.password_reset", by, person)
    return person, _entrance(person)


@transaction.atomic
def reset_second_factor(*, person_id: uuid.UUID, by: User) -> User:
    """Remove a person's second factor and recovery codes, and end the sessions.

    Raises: NotAllowedError: for oneself; that is done under Settings, with a code.
    """
    person = _locked(person_id)
    _forbid_self(person, by, "reset the second factor of")
    n_removed, _ = Authenticator.objects.filter(user=person).delete()
    if n_removed:
        _end_sessions(person)
        _tell("user.second_factor_reset", by, person, removed=n_removed)
    return person


@transaction.atomic
def end_sessions(*, person_id: uuid.UUID, by: User) -> User:
    """Log a person out of every browser."""
    person = _locked(person_id)
    _end_sessions(person)
    _tell("user.sessions_ended", by, person)
    return person


def _end_sessions(person: User) -> None:
    User.objects.filter(pk=person.pk).update(session_epoch=F("session_epoch") + 1)


def _locked(person_id: uuid.UUID) -> User:
    """Return a person, and let one change at a time happen to those who decide: the admins."""
    list(User.objects.select_for_update().filter(role=Role.ADMIN).order_by("pk"))
    return User.objects.select_for_update().get(pk=person_id)


def _forbid_self(person: User, by: User, deed: str) -> None:
    if person.pk == by.pk:
        raise NotAllowedError(
            f"Another admin must {deed} you. You are {person.email} yourself. Ask one."
        )


def _forbid_last_admin(person: User) -> None:
    others = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=person.pk)
    if person.role == Role.ADMIN and person.is_active and not others.exists():
        raise NotAllowedError(
            f"There must be an active admin at all times. {person.email} is the last one. "
            "Make somebody else an admin first."
        )


def _put_into(person: User, teams: Iterable[Team]) -> None:
    wanted = {team.pk for team in teams}
    Membership.objects.filter(user=person).exclude(team_id__in=wanted).delete()
    present = set(person.memberships.values_list("team_id", flat=True))
    Membership.objects.bulk_create(
        Membership(user=person, team_id=team) for team in sorted(wanted - present)
    )


def _state(person: User) -> dict[str, Any]:
    teams = sorted(Membership.objects.filter(user=person).values_list("team__name", flat=True))
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "role": str(person.role),
        "teams": teams,
    }


def _entrance(person: User) -> str:
    keys = [
        urlsafe_base64_encode(force_bytes(str(person.pk))),
        default_token_generator.make_token(person),
    ]
    return reverse("account_welcome", args=keys)


def _tell(action: str, by: User, person: User, **summary: Any) -> None:
    house_changed.send(sender=User, action=action, actor=by, thing=person, summary=summary)
