"""The pages on which an admin makes accounts and teams; the audit trail hears of each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm

from apps.accounts.models import Membership, Team, User

if TYPE_CHECKING:
    from django.http import HttpRequest


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]  # not subscriptable here
    class Meta:
        model = User
        fields: ClassVar = ["email"]


class PersonForm(UserChangeForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    class Meta:
        model = User
        fields = "__all__"


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]  # as above
    model = Membership
    fields = ("team",)
    extra = 1


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]  # as above
    """People are made and deactivated, never deleted: the trail names them."""

    form = PersonForm
    add_form = NewPersonForm
    inlines: ClassVar = [MembershipInline]
    actions = None
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active", "teams")
    search_fields = ("email", "first_name", "last_name")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "role", "is_active")}),
        ("Person", {"fields": ("first_name", "last_name", "timezone", "theme")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "role", "usable_password", "password1", "password2")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # as above
    actions = None
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields: ClassVar = {"slug": ("name",)}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
