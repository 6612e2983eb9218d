"""How allauth behaves here: nobody signs up alone, and a team's admin makes the accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter

from apps.accounts import keyring

if TYPE_CHECKING:
    from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped base
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # untyped base
    """Keep the secrets of second factors encrypted in the database."""

    def encrypt(self, text: str) -> str:
        return keyring.box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return keyring.box().decrypt(encrypted_text.encode()).decode()
