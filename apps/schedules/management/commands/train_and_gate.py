"""`manage.py train_and_gate RECIPE.yaml`: what a pipeline calls.

Exit codes: 0 passed, 1 below the gate, 2 the recipe or the data must be corrected, 3 the work
failed, 130 stopped.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from rest_framework.exceptions import APIException

from apps.schedules.pipeline import carry_out, telling_what_stays, what_stays
from apps.schedules.recipe import read_recipe
from apps.schedules.reporting import write_reports
from ml_core.errors import AssayError, CancelledError, ConfigError, DataError, JobError
from ml_core.tracking.console import ConsoleRun

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from apps.schedules.pipeline import Outcome

PASSED, REFUSED, WRONG, FAILED, STOPPED = 0, 1, 2, 3, 130


class Command(BaseCommand):
    help = (
        "Train as a recipe (YAML) says, compare with the live model, and write a report. Exit "
        "codes: 0 passed, 1 below the gate, 2 the recipe or data must be corrected, 3 the work "
        "failed, 130 stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("recipe", type=Path, help="YAML file")
        parser.add_argument("--report", default="", help="name of the report, without ending")
        parser.add_argument("--user", default="", help="address of whom it acts for")
        parser.add_argument(
            "--here", action="store_true", help="do all work in this process, whatever workers live"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a pipeline's way to stop
        try:
            code = self._run(options)
        except (ConfigError, DataError) as error:
            code = self._say(str(error), WRONG)
        except CancelledError as error:
            code = self._say(str(error), STOPPED)
        except (AssayError, APIException, OSError, DatabaseError) as error:
            # Python's own code for an error is that of a model below the gate.
            code = self._say(str(error), FAILED)
        except KeyboardInterrupt:
            code = self._say("Stopped. No model and no report were kept.", STOPPED)
        sys.exit(code)

    def _run(self, options: dict[str, Any]) -> int:
        recipe = read_recipe(options["recipe"], report=options["report"], user=options["user"])
        with ConsoleRun(recipe.seed) as run:
            outcome = carry_out(recipe, run, here=options["here"])
        as_data, as_page = self._reported(outcome)
        self.stdout.write(f"{'Passed' if outcome.passed else 'Refused'}. {outcome.reason}")
        self.stdout.write(f"Report: {as_data} and {as_page.name}")
        return PASSED if outcome.passed else REFUSED

    def _reported(self, outcome: Outcome) -> tuple[Path, Path]:
        try:
            with telling_what_stays(outcome.training):
                return write_reports(outcome)
        except OSError as error:
            message = (
                f"A report must go to a folder that can be written. Got {error}. "
                f"{what_stays(outcome.training)} Correct key report."
            )
            raise JobError(message, permanent=True) from error

    def _say(self, message: str, code: int) -> int:
        self.stderr.write(message)
        return code
