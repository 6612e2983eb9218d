"""Who may come in, in the REST interface: people, teams and keys, to be looked at.

Read alone. A key that could make people or keys would outlive its own end, so both are made at a
page, by a person; see docs/decisions/0015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.db.models import Prefetch
from rest_framework import serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.models import ApiKey, Team, User

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class TeamNameSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields: ClassVar = ["id", "name"]
        read_only_fields = fields


class PersonSerializer(serializers.ModelSerializer[User]):
    name = serializers.CharField(source="get_full_name", read_only=True)
    teams = TeamNameSerializer(many=True, read_only=True)

    class Meta:
        model = User
        fields: ClassVar = [
            "id", "email", "name", "role", "is_active", "teams", "date_joined", "last_login",
        ]  # fmt: skip
        read_only_fields = fields


class MemberSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields: ClassVar = ["id", "email", "role", "is_active"]
        read_only_fields = fields


class TeamSerializer(serializers.ModelSerializer[Team]):
    members = MemberSerializer(source="users", many=True, read_only=True)

    class Meta:
        model = Team
        fields: ClassVar = ["id", "name", "slug", "members"]
        read_only_fields = fields


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    has_run_out = serializers.BooleanField(read_only=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ApiKey
        fields: ClassVar = [
            "id", "name", "prefix", "user", "team", "scopes", "created_at", "expires_at",
            "last_used_at", "has_run_out",
        ]  # fmt: skip
        read_only_fields = fields


class AccessViewSet(ReadOnlyModelViewSet[Any]):
    """Who has access; a key sees what `of_team` leads from to its own team."""

    actions_needed: ClassVar = {"GET": "access.view"}
    of_team: ClassVar[str]

    def get_queryset(self) -> QuerySet[Any]:
        found = super().get_queryset()
        team = _team_of_key(self.request)
        return found if team is None else found.filter(**{self.of_team: team})


class PersonViewSet(AccessViewSet):
    """People with their role and teams; a key sees those of its team."""

    queryset = User.objects.order_by("email")
    serializer_class = PersonSerializer
    filterset_fields: ClassVar = ["role", "is_active"]
    of_team = "teams"

    def get_queryset(self) -> QuerySet[User]:
        team = _team_of_key(self.request)
        teams = Team.objects.all() if team is None else Team.objects.filter(pk=team)
        return super().get_queryset().prefetch_related(Prefetch("teams", teams))


class TeamViewSet(AccessViewSet):
    """Teams with their members; a key sees its own."""

    queryset = Team.objects.prefetch_related("users")
    serializer_class = TeamSerializer
    of_team = "pk"


class ApiKeyViewSet(AccessViewSet):
    """Everybody's keys: whose, for what, until when, and when last used. Never the key itself."""

    queryset = ApiKey.objects.all()
    serializer_class = ApiKeySerializer
    filterset_fields: ClassVar = ["user", "team"]
    of_team = "team"


def _team_of_key(request: Request) -> Any:
    """Return the one team that a key sees, None for a person, who sees all."""
    return cast("User", request.user).key_team_id


routes = [
    ("people", PersonViewSet, "person"),
    ("teams", TeamViewSet, "team"),
    ("keys", ApiKeyViewSet, "key"),
]
