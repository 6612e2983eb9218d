"""The page behind the link with which a person sets a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.urls import reverse_lazy

from apps.accounts.models import User
from apps.accounts.services import house_changed

if TYPE_CHECKING:
    from django.contrib.auth.forms import SetPasswordForm
    from django.http import HttpResponse


class WelcomeView(PasswordResetConfirmView):
    """Set a password with a link that works once, for three days, while the person is active."""

    template_name = "accounts/welcome.html"
    success_url = reverse_lazy("account_login")

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active else None

    @transaction.atomic
    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        answer = super().form_valid(form)
        house_changed.send(
            sender=User, action="user.password_set", actor=form.user, thing=form.user, summary={}
        )
        messages.success(self.request, "Your password is set. Log in with it now.")
        return answer
