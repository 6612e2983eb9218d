"""Walk the audit trail and say whether it is whole."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.audit.chain import verify


class Command(BaseCommand):
    help = "Verify the chain of the audit trail; exit with 1 at the first bad link."

    def handle(self, *args: Any, **options: Any) -> None:
        state = verify()
        if state.is_whole:
            self.stdout.write(f"The audit trail is whole: {state.n_events} events.")
            return
        self.stderr.write(
            f"The audit trail is broken at event {state.bad_sequence}: {state.reason}. "
            f"{state.n_events} events before it are whole."
        )
        sys.exit(1)
