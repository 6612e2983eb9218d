"""Secrets of second factors as they rest in the database: under which key, and under the newest."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.db import transaction

from apps.accounts import keyring
from apps.accounts.secrets import fernet_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_START = "gAAAA"  # of every Fernet token: its version, and a time of this millennium


def encrypt_anew() -> int:
    """Encrypt all secrets with the current key; return of how many people's factors."""
    count = 0
    for pk in Authenticator.objects.values_list("pk", flat=True):
        # One at a time, locked: a recovery code that is used meanwhile stays used.
        with transaction.atomic():
            factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
            if factor is not None and _renewed(factor):
                count += 1
    return count


def key_ids() -> Counter[str]:
    """Count secrets by the id of their key; "" where no key of this installation opens one."""
    known = {key.id: Fernet(fernet_key(key.encoded)) for key in keyring.local().keys}
    return Counter(
        next((key_id for key_id, box in known.items() if _opens(box, token)), "")
        for factor in Authenticator.objects.all()
        for token in _tokens(factor.data)
    )


def _renewed(factor: Any) -> bool:
    current = Fernet(fernet_key(keyring.local().keys[0].encoded))
    if all(_opens(current, token) for token in _tokens(factor.data)):
        return False
    box = keyring.box()

    def rotate(token: str) -> str:
        try:
            return box.rotate(token.encode()).decode()
        except InvalidToken:  # of a key that is lost: its owner sets up a new factor
            return token

    factor.data = _changed(factor.data, rotate)
    factor.save(update_fields=["data"])
    return True


def _opens(box: Fernet, token: str) -> bool:
    try:
        box.decrypt(token.encode())
    except InvalidToken:
        return False
    return True


def _tokens(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list):
        for value in data:
            yield from _tokens(value)
    elif isinstance(data, str) and data.startswith(_START):
        yield data


def _changed(data: Any, change: Callable[[str], str]) -> Any:
    if isinstance(data, dict):
        return {name: _changed(value, change) for name, value in data.items()}
    if isinstance(data, list):
        return [_changed(value, change) for value in data]
    return change(data) if isinstance(data, str) and data.startswith(_START) else data
