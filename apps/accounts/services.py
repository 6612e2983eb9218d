"""What changes people, teams and keys."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from apps.accounts.models import ApiKey, Team, User
from apps.accounts.policies import SCOPES, can
from ml_core.errors import ConfigError, NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "assay_"
CHANGE_OVER = timedelta(days=1)
# The audit trail listens: it stands above this app, which therefore cannot call it.
key_made = Signal()
key_revoked = Signal()
house_changed = Signal()  # people and teams: action, actor, thing, team, summary


def current_team(user: User) -> Team:
    """Return the team a person works in: that of the key, else the first joined.

    Raises: NotAllowedError: if the person is in no team.
    """
    if user.key_team_id is not None:
        return Team.objects.get(id=user.key_team_id)
    membership = user.memberships.select_related("team").first()
    if membership is None:
        raise NotAllowedError(
            "You must be in a team to do this. You are in none. Ask an admin to add you to one."
        )
    return membership.team


def digest_of(token: str) -> str:
    """Return what is kept of a key; it is 256 random bits, so a plain hash cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def make_key(
    *, user: User, team: Team, name: str, scopes: Sequence[str], days: int | None
) -> tuple[ApiKey, str]:
    """Make a key and return it with its token, which is shown this once and kept nowhere.

    Raises: ConfigError: if a scope is unknown, or is more than the person may do.
    """
    beyond = [scope for scope in scopes if scope not in SCOPES or not can(user, scope)]
    if beyond or not scopes:
        raise ConfigError(
            f"The scopes of a key must be rights that you have yourself. Got {beyond or 'none'}. "
            "Choose at least one from the list."
        )
    token = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        user=user,
        team=team,
        name=name,
        prefix=token[:12],
        digest=digest_of(token),
        scopes=sorted(scopes),
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    key_made.send(sender=ApiKey, key=key)
    return key, token


@transaction.atomic
def rotate_key(*, key: ApiKey) -> tuple[ApiKey, str]:
    """Make a key like this one; the old one goes on for a day, so that programs can change over.

    Raises: ConfigError: if the person may no longer do what the key is for.
    """
    life = key.expires_at - key.created_at if key.expires_at else None
    days = max(1, round(life / timedelta(days=1))) if life else None
    fresh, token = make_key(
        user=key.user, team=key.team, name=key.name, scopes=key.scopes, days=days
    )
    end = timezone.now() + CHANGE_OVER
    key.expires_at = min(key.expires_at, end) if key.expires_at else end
    key.save(update_fields=["expires_at"])
    return fresh, token


@transaction.atomic
def revoke_key(key: ApiKey, *, by: User) -> None:
    """Make a key stop working at once."""
    key_revoked.send(sender=ApiKey, key=key, by=by)
    key.delete()


def user_of_key(token: str) -> User | None:
    """Return the person a key acts for, narrowed to its scopes and team; None if unknown."""
    key = ApiKey.objects.usable().select_related("user").filter(digest=digest_of(token)).first()
    if key is None:
        return None
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > timedelta(minutes=1):
        ApiKey.objects.filter(id=key.id).update(last_used_at=now)
    if not key.user.memberships.filter(team_id=key.team_id).exists():
        return None
    key.user.key_scopes = frozenset(key.scopes)
    key.user.key_team_id = key.team_id
    return key.user
