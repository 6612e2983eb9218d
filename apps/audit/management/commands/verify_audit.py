"""Walk the audit trail and say whether it is whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.chain import verify
from apps.audit.verification import anchor_here
from ml_core.errors import DataError

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Verify the chain of the audit trail; exit with 1 at the first bad link."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--anchor-here",
            metavar="REASON",
            help="Take the end of the chain as it is for the newest event that was recorded, as "
            "after a restore from a backup. The reason is recorded.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["anchor_here"] is not None:
            try:
                event = anchor_here(None, options["anchor_here"])
            except DataError as error:
                raise CommandError(str(error)) from error
            self.stdout.write(f"The anchor lies at event {event.sequence} now.")
            return
        state = verify()
        if state.is_whole:
            self.stdout.write(f"The audit trail is whole: {state.n_events} events.")
            if not state.is_anchored:
                self.stdout.write("There is no anchor yet: a tail cut off would not be seen.")
            return
        where = f" at event {state.bad_sequence}" if state.bad_sequence else ""
        self.stderr.write(
            f"The audit trail is broken{where}: {state.reason}. "
            f"{state.n_events} events before it are whole."
        )
        sys.exit(1)
