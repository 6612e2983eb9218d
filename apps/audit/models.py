"""One row for each thing that was done; rows are added and never changed."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, NoReturn, Self

from django.db import models
from django.utils import timezone

from apps.accounts.models import SEES_ALL_TEAMS, Team, User

FIRST_HASH = "0" * 64


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, user: User) -> Self:
        """Keep what a person may read; the trail is for those who answer for all teams.

        A key reads what was done in its own team.
        """
        if user.role not in SEES_ALL_TEAMS:
            return self.none()
        return self.all() if user.key_team_id is None else self.filter(team_id=user.key_team_id)

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError(_REFUSAL)

    def delete(self) -> NoReturn:
        raise TypeError(_REFUSAL)


_REFUSAL = "The audit trail must only grow. Record another event that sets the matter right."


class AuditEvent(models.Model):
    """What was done, by whom, when, on which thing.

    `hash` covers the previous hash and a digest of the payload. So the summary and the labels,
    which may hold personal data, can be erased one day, and the chain still verifies.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sequence = models.PositiveBigIntegerField(unique=True, editable=False)
    at = models.DateTimeField(db_index=True, editable=False)
    # Rows outlive people and teams and may not be touched when those go: no cascade.
    actor = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    actor_label = models.CharField(max_length=254)
    team = models.ForeignKey(
        Team, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    action = models.CharField(max_length=64, db_index=True)
    thing_type = models.CharField(max_length=64, blank=True)
    thing_id = models.CharField(max_length=64, blank=True, db_index=True)
    thing_label = models.CharField(max_length=254, blank=True)
    summary = models.JSONField(default=dict)
    erased_at = models.DateTimeField(null=True, editable=False)
    payload_digest = models.CharField(max_length=64, editable=False)
    previous_hash = models.CharField(max_length=64, editable=False)
    hash = models.CharField(max_length=64, unique=True, editable=False)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-sequence"]
        indexes: ClassVar = [
            models.Index(fields=["thing_id", "sequence"], name="audit_of_a_thing"),
            models.Index(fields=["action", "sequence"], name="audit_of_an_action"),
            models.Index(fields=["actor_label", "sequence"], name="audit_of_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError(_REFUSAL)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(_REFUSAL)


class ChainCheckQuerySet(models.QuerySet["ChainCheck"]):
    def open(self) -> Self:
        """Keep checks that wait or run."""
        return self.filter(finished_at=None)


class ChainCheck(models.Model):
    """One walk along the whole chain: who asked for it, how far it is, what it found."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    asked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    finished_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    n_done = models.PositiveBigIntegerField(default=0)
    n_total = models.PositiveBigIntegerField(default=0)
    n_events = models.PositiveBigIntegerField(default=0)
    n_erased = models.PositiveBigIntegerField(default=0)
    is_anchored = models.BooleanField(default=True)
    bad_sequence = models.PositiveBigIntegerField(null=True)
    reason = models.TextField(blank=True)  # what is wrong with the chain
    error = models.TextField(blank=True)  # why it could not be walked to its end
    progress_url = models.CharField(max_length=300, blank=True)

    objects = ChainCheckQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-asked_at"]

    def __str__(self) -> str:
        return f"Check of the chain at {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def state(self) -> str:
        """One of running, failed, whole, broken."""
        if self.finished_at is None:
            return "running"
        if self.error:
            return "failed"
        return "broken" if self.reason else "whole"
