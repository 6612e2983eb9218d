"""Log-ins, refusals and changes of passwords, as other packages tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.signals import password_changed
from allauth.mfa.signals import authenticator_added, authenticator_removed
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ObjectDoesNotExist
from django.db.models.signals import post_save
from django.dispatch import receiver

from apps.accounts.lockout import username
from apps.accounts.services import house_changed, key_made, key_revoked
from apps.audit.services import record

if TYPE_CHECKING:
    from apps.accounts.models import ApiKey, User


@receiver(user_logged_in)
def log_in(user: User, **_: Any) -> None:
    record("user.logged_in", actor=user, thing=user)


@receiver(user_logged_out)
def log_out(user: User | None, **_: Any) -> None:
    if user is not None:
        record("user.logged_out", actor=user, thing=user)


@receiver(user_login_failed)
def refuse(credentials: dict[str, Any], request: Any = None, **_: Any) -> None:
    record("user.login_failed", actor=None, tried=username(request, credentials)[:254])


@receiver(password_changed)
def change_password(user: User, **_: Any) -> None:
    record("user.password_changed", actor=user, thing=user)


@receiver(authenticator_added)
def add_factor(user: User, **_: Any) -> None:
    record("user.second_factor_added", actor=user, thing=user)


@receiver(authenticator_removed)
def remove_factor(user: User, **_: Any) -> None:
    record("user.second_factor_removed", actor=user, thing=user)


@receiver(key_made)
def make_key(key: ApiKey, **_: Any) -> None:
    expires = key.expires_at.isoformat() if key.expires_at else None
    record("key.made", actor=key.user, team=key.team, thing=key, scopes=key.scopes, expires=expires)


@receiver(key_revoked)
def revoke_key(key: ApiKey, by: User, **_: Any) -> None:
    record("key.revoked", actor=by, team=key.team, thing=key, owner=key.user.email)


@receiver(house_changed)
def change_house(action: str, actor: User, thing: Any, summary: dict[str, Any], **_: Any) -> None:
    record(action, actor=actor, thing=thing, **summary)


@receiver(post_save, sender=LogEntry)
def manage(instance: LogEntry, **_: Any) -> None:
    """Keep what an admin did on the pages of accounts and settings, with the role it gave."""
    verb = {ADDITION: "added", CHANGE: "changed"}.get(instance.action_flag, "deleted")
    try:
        thing = instance.get_edited_object()
    except ObjectDoesNotExist:
        thing = None
    told = {name: getattr(thing, name) for name in ("role", "is_active") if hasattr(thing, name)}
    record(
        f"admin.{verb}", actor=instance.user, thing=thing,
        what=instance.object_repr, change=instance.get_change_message(), **told,
    )  # fmt: skip
