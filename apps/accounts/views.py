"""Settings of a person: profile, second factor and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.accounts import services
from apps.accounts.forms import KeyForm, ProfileForm
from apps.accounts.models import ApiKey
from apps.accounts.policies import UserRequest, allowed
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse


@allowed("settings.profile")
def profile(request: UserRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Your settings are saved.")
        return redirect("accounts:settings")
    return render(request, "accounts/profile.html", {"form": form})


@never_cache
@allowed("settings.keys")
def keys(request: UserRequest) -> HttpResponse:
    """List keys and make one; the token stands on this answer and nowhere else."""
    form = KeyForm(request.POST or None, user=request.user)
    token = ""
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        _, token = services.make_key(
            user=request.user,
            team=chosen["team"],
            name=chosen["name"],
            scopes=chosen["scopes"],
            days=chosen["days"] or None,
        )
        form = KeyForm(user=request.user)
    return _keys_page(request, form, token)


@never_cache
@require_POST
@allowed("settings.keys")
def rotate(request: UserRequest, key_id: uuid.UUID) -> HttpResponse:
    """Make a key in the place of another; its token stands on this answer and nowhere else."""
    key = get_object_or_404(ApiKey.objects.usable(), id=key_id, user=request.user)
    token = ""
    try:
        _, token = services.rotate_key(key=key)
    except ConfigError as error:
        messages.error(request, str(error))
    return _keys_page(request, KeyForm(user=request.user), token)


def _keys_page(request: UserRequest, form: KeyForm, token: str) -> HttpResponse:
    own = request.user.api_keys.select_related("team")
    return render(request, "accounts/keys.html", {"form": form, "keys": own, "token": token})


@require_POST
@allowed("settings.keys")
def revoke(request: UserRequest, key_id: uuid.UUID) -> HttpResponse:
    key = get_object_or_404(ApiKey, id=key_id, user=request.user)
    services.revoke_key(key, by=request.user)
    messages.success(request, f"The key {key.name} is revoked. It stops working now.")
    return redirect("accounts:keys")
