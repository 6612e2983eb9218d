"""Commands that look at data, or make something of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ml_core.errors import ConfigError
from ml_core.features.view import MODES
from ml_core.tracking.console import ConsoleRun
from solutions import command_looking as looking
from solutions.command_inputs import add_command, read, solution_of
from solutions.command_voice import CORRECT, WRONG

if TYPE_CHECKING:
    import argparse

    from solutions.command_inputs import Commands


def features(args: argparse.Namespace) -> int:
    """Bring feature views up to a file, in a folder of Parquet by view and day."""
    from ml_core.features.folder import FeatureFolder  # noqa: PLC0415  compiles; not needed elsewhere

    solution = solution_of(args)
    views = {view.name: view for view in solution.features()}
    unknown = [name for name in args.view if name not in views]
    if unknown or not views:
        message = (
            f"A feature view must be one of {', '.join(views) or 'none'}. "
            f"Got {', '.join(unknown) or solution.slug}. Choose one of those."
        )
        raise ConfigError(message)
    with ConsoleRun() as run, read(solution, args.data, run) as batch:
        for name in args.view or views:
            run.stage(name)
            folder = FeatureFolder(args.out / name, views[name])
            made = folder.materialise(batch.frame, args.mode, args.start, args.end, run)
            print(
                f"{name}: {made.n_computed:,} days computed, {made.n_kept:,} kept, "
                f"{made.n_dropped:,} removed; {made.n_rows:,} rows in {args.out / name}"
            )
    return CORRECT


def check_data(args: argparse.Namespace) -> int:
    """Tell what well-formed rows hide: doubles, leaks, outliers, drift."""
    schema = solution_of(args).inputs()
    is_usable = looking.check_data(schema, args.data, args.reference, args.rule, args.json)
    return CORRECT if is_usable else WRONG


def compare_data(args: argparse.Namespace) -> int:
    """Tell what differs between two files."""
    looking.compare_data(solution_of(args).inputs(), args.old, args.new, args.json)
    return CORRECT


def keep_good(args: argparse.Namespace) -> int:
    """Part the good rows of a file from the bad ones, and keep both."""
    schema = solution_of(args).inputs()
    n_good, n_bad = looking.keep_good(schema, args.data, args.out, args.aside)
    print(f"{n_good:,} rows are kept in {args.out}, {n_bad:,} are put aside in {args.aside}.")
    return CORRECT


def add(commands: Commands) -> None:
    """Name the commands of this module, and what each takes."""
    _features_arguments(add_command(commands, features))
    look, compare, part = (
        add_command(commands, function) for function in (check_data, compare_data, keep_good)
    )
    for command in (look, part):
        command.add_argument("--data", type=Path, required=True, help="file to look at")
    look.add_argument("--reference", type=Path, help="file whose distributions are expected")
    look.add_argument("--rule", action="append", default=[], metavar='"A among B"')
    compare.add_argument("--old", type=Path, required=True)
    compare.add_argument("--new", type=Path, required=True)
    for command in (look, compare):
        command.add_argument("--json", type=Path, help="file for all that was found")
    part.add_argument("--out", type=Path, required=True, help="new .parquet of the good rows")
    part.add_argument("--aside", type=Path, required=True, help="new .csv of the bad rows")


def _features_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="file or folder of events")
    command.add_argument("--out", type=Path, required=True, help="folder of the features")
    command.add_argument("--view", action="append", default=[], help="one of them; all by default")
    command.add_argument("--mode", choices=MODES, default="incremental")
    for name, end in (("start", "first"), ("end", "last")):
        command.add_argument(
            f"--{name}", type=date.fromisoformat, help=f"{end} day of a backfill, as 2026-05-01"
        )
