"""`manage.py rotate_keys`: bring everything under the current key, or look at and change keys."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.monitoring import encryption
from ml_core.errors import ConfigError


class Command(BaseCommand):
    help = (
        "Bring all files, signatures and second factors under the current key, while the product "
        "goes on. May be stopped and begun again."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--new-key", action="store_true", help="make a new key first")
        parser.add_argument(
            "--whole", action="store_true", help="encrypt whole files anew, not headers alone"
        )
        parser.add_argument("--status", action="store_true", help="only count what is under which")
        parser.add_argument(
            "--drop", metavar="KEY", help="take an old key away if nothing needs it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._act(options)
        except ConfigError as error:
            raise CommandError(str(error)) from error
        self._say_uses()

    def _act(self, options: dict[str, Any]) -> None:
        if options["drop"]:
            encryption.drop(options["drop"], None)
        if options["status"] or options["drop"]:
            return
        if options["new_key"]:
            self.stdout.write(f"The new key {encryption.add(None)} is current. Keep a copy of it.")
        whole_since = time.time() if options["whole"] else None
        done = encryption.rotate(by=None, tell=self._tell, whole_since=whole_since)
        self.stdout.write(
            f"{done.n_files:,} files, {done.n_signatures:,} signatures and {done.n_factors:,} "
            "second factors were brought under the current key."
        )
        for words in done.damaged:
            self.stderr.write(words)
        if done.damaged:
            raise CommandError(f"{len(done.damaged):,} things stay under their old keys.")

    def _tell(self, done: int, total: int, note: str) -> None:
        if total and done % max(1, total // 20) == 0:
            self.stdout.write(f"{done:,} of {total:,} {note}")

    def _say_uses(self) -> None:
        for use in encryption.uses(encryption.measure()):
            state = "current" if use.is_current else "free" if use.is_free else "in use"
            self.stdout.write(
                f"{use.key_id}  {use.where or 'not at hand'}  {state}  {use.n_files:,} files  "
                f"{use.n_bytes:,} bytes  {use.n_secrets:,} secrets"
            )
