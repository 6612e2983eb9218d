"""The one way into the audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils import timezone

from apps.audit import anchor
from apps.audit.canonical import canonical, text
from apps.audit.chain import digest_payload, hash_link
from apps.audit.models import FIRST_HASH, AuditEvent

if TYPE_CHECKING:
    from django.db import models

    from apps.accounts.models import Team, User

_LOCK = 0x41554449  # "AUDI", the name of the lock under which the chain grows


@transaction.atomic
def record(
    action: str,
    *,
    actor: User | None,
    team: Team | None = None,
    thing: models.Model | None = None,
    **summary: Any,
) -> AuditEvent:
    """Add what was done to the trail, in the transaction of the caller.

    `summary` is JSON-able and free of what nobody may read (secrets, rows of data). Where
    something changed, `before` and `after` hold the same names with their values then and now;
    the page shows them side by side. If the caller's transaction is rolled back, so is the event.
    """
    _wait_for_turn()
    last = AuditEvent.objects.order_by("-sequence").values_list("sequence", "hash").first()
    sequence, previous_hash = last or (0, FIRST_HASH)
    event = AuditEvent(
        sequence=sequence + 1,
        at=timezone.now(),
        actor=actor,
        actor_label=text(str(actor.email) if actor else "system")[:254],
        team=team,
        action=action,
        thing_type=thing._meta.label_lower if thing else "",  # noqa: SLF001  documented API
        thing_id=str(thing.pk)[:64] if thing else "",
        thing_label=text(str(thing))[:254] if thing else "",
        summary=canonical(summary),
        previous_hash=previous_hash,
    )
    event.payload_digest = digest_payload(event)
    event.hash = hash_link(event)
    event.save(force_insert=True)
    head = anchor.Anchor(event.sequence, event.hash)
    # Robust: the event stands by now, and what was done shall not fail for its anchor.
    transaction.on_commit(lambda: anchor.advance(head), robust=True)
    return event


def _wait_for_turn() -> None:
    """Let one transaction at a time add to the chain; SQLite's IMMEDIATE does so by itself."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
