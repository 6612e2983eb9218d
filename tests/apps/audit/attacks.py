"""What somebody does who holds the database: he takes off the triggers and writes."""

from __future__ import annotations

from django.db import connection

from apps.audit import triggers
from apps.audit.chain import Link, digest_payload, hash_link
from apps.audit.models import FIRST_HASH, AuditEvent


def attack(statement: str, *values: object) -> None:
    """Run a statement on the trail as the owner of the file would."""
    with connection.cursor() as cursor:
        for remove in triggers.REMOVE[connection.vendor]:
            cursor.execute(remove)
        cursor.execute(statement, values)


def compute_anew(first: int = 1) -> None:
    """Give all events from one on the hashes that fit what they say now."""
    before = AuditEvent.objects.filter(sequence__lt=first).order_by("-sequence").first()
    previous = before.hash if before else FIRST_HASH
    rows = AuditEvent.objects.filter(sequence__gte=first).order_by("sequence")
    for link in map(Link._make, list(rows.values_list(*Link._fields))):
        fresh = link._replace(previous_hash=previous, payload_digest=digest_payload(link))
        digest, previous = fresh.payload_digest, hash_link(fresh)
        attack(
            "UPDATE audit_auditevent SET payload_digest = %s, previous_hash = %s, hash = %s "
            "WHERE sequence = %s",
            digest, fresh.previous_hash, previous, link.sequence,
        )  # fmt: skip
