# ruff: noqa: E402  Django must be set up before its models are imported
"""How long it takes to verify an audit trail of 200,000 events, and to show a page of it.

    .venv/bin/python benchmarks/audit_chain.py [events]

The events lie in a database of its own, in a home that is thrown away.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tests.settings  # noqa: F401  a home that is thrown away, before Django reads its settings

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.core.management import call_command
from django.test import Client

from apps.accounts.models import Role, User
from apps.audit.anchor import Anchor, put
from apps.audit.chain import digest_payload, hash_link, verify
from apps.audit.models import FIRST_HASH, AuditEvent
from benchmarks._record import record

N_EVENTS = 200_000
SEARCHES = {
    "page_ms": {},
    "page_old_ms": {"before": "1000"},
    "search_text_ms": {"q": "reason 17"},
    "search_nothing_ms": {"q": "nowhere to be found"},
    "search_thing_ms": {"thing_id": "00000000-0000-4000-8000-000000000007"},
}


def fill(n_events: int) -> None:
    """Write a chain as the product would, many events at a time."""
    previous, start = FIRST_HASH, datetime(2026, 1, 1, tzinfo=UTC)
    actor, team = uuid4(), uuid4()
    for first in range(1, n_events + 1, 5000):
        events = []
        for sequence in range(first, min(first + 5000, n_events + 1)):
            event = AuditEvent(
                sequence=sequence,
                at=start + timedelta(seconds=sequence),
                actor_id=actor,
                actor_label="dora@example.org",
                team_id=team,
                action="model.promoted",
                thing_type="registry.modelversion",
                thing_id=f"00000000-0000-4000-8000-{sequence % 1000:012d}",
                thing_label="Fraud model 7",
                summary={
                    "reason": f"reason {sequence}",
                    "before": {"stage": "candidate"},
                    "after": {"stage": "live", "ap": 0.9123},
                },
                previous_hash=previous,
            )
            event.payload_digest = digest_payload(event)
            event.hash = previous = hash_link(event)
            events.append(event)
        AuditEvent.objects.bulk_create(events)
    put(Anchor(n_events, previous))


def measure(n_events: int) -> dict[str, float]:
    """Return how long verifying and each way of searching took, the best of three."""
    fill(n_events)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        state = verify()
        seconds.append(time.perf_counter() - started)
        if not state.is_whole or state.n_events != n_events:
            raise SystemExit(f"The trail must be whole. Got {state}.")
    figures = {
        "n_events": n_events,
        "verify_200k_s": min(seconds) * 200_000 / n_events,
        "verify_slowest_s": max(seconds),
        "events_per_s": n_events / min(seconds),
    }
    auditor = User.objects.create_user("auditor@example.org", None, role=Role.AUDITOR)
    client = Client()
    client.force_login(auditor, "allauth.account.auth_backends.AuthenticationBackend")
    for name, query in SEARCHES.items():
        times = []
        for _ in range(3):
            started = time.perf_counter()
            answer = client.get("/audit/", query)
            times.append(1000 * (time.perf_counter() - started))
            if answer.status_code != 200:
                raise SystemExit(f"The page must answer 200. Got {answer.status_code}.")
        figures[name] = min(times)
    return figures


def main() -> None:
    """Measure, print and record."""
    n_events = int(sys.argv[1]) if len(sys.argv) > 1 else N_EVENTS
    call_command("migrate", verbosity=0)
    figures = measure(n_events)
    print("  ".join(f"{name} {value:,.1f}" for name, value in figures.items()))
    record("audit_chain", figures=figures)


if __name__ == "__main__":
    main()
