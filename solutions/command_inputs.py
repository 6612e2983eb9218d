"""What the commands are given: a solution, its options, files, and a place for a bundle."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import ValidationError

from ml_core.errors import ConfigError
from solutions.registry import AnySolution, Registry
from solutions.tables import check_rules, open_batch

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ml_core.tracking.console import ConsoleRun
    from ml_core.tracking.run import Run
    from solutions.api import Options, TableBatch

    # The only name that the library gives to what `add_subparsers` returns.
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001
    Command = Callable[[argparse.Namespace], int]

ALLOWED = "ASSAY_SOLUTIONS_ALLOWED"


def registry(slug: str = "") -> Registry:
    """Find all solutions; `tests.<slug>_solution` counts when there is such a module."""
    allowed = [name.strip() for name in os.environ.get(ALLOWED, "").split(",") if name.strip()]
    test = f"tests.{slug}_solution"
    has_test = slug.isidentifier() and importlib.util.find_spec("tests") is not None
    modules = [test] if has_test and importlib.util.find_spec(test) else []
    return Registry.discover(allowed, modules)


def solution_of(args: argparse.Namespace) -> AnySolution:
    """Return the solution that was named. Raises: ConfigError: if there is none of that name."""
    return solution_named(args.slug)


def solution_named(slug: str) -> AnySolution:
    """Return a solution by its name. Raises: ConfigError: if there is none of it."""
    return registry(slug)[slug]


def options_of(kind: type[Options], choices: Sequence[str]) -> Any:
    """Read options as they were given, name=value. Raises: ConfigError: if they do not fit."""
    values = dict(_choice(text) for text in choices)
    try:
        return kind(**values)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        known = ", ".join(kind.model_fields)
        message = f"Options must fit the solution. Got {told}. Its options are: {known}."
        raise ConfigError(message) from error


def _choice(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        message = f"An option must be given as name=value. Got {text!r}. Write --set epochs=5."
        raise ConfigError(message)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@contextmanager
def read(solution: AnySolution, path: Path, run: Run) -> Iterator[TableBatch]:
    """Read a file by the schema and the rules of a solution; its pictures stay open."""
    run.stage("reading")

    def progress(rows: int, share: float) -> None:
        run.progress(round(100 * share), 100, f"% ({rows:,} rows)")

    with open_batch(path, solution.inputs(), progress) as batch:
        check_rules(solution, batch)
        run.log(f"{len(batch):,} rows read from {path}")
        yield batch


@contextmanager
def batch_of(
    solution: AnySolution, args: argparse.Namespace, run: ConsoleRun
) -> Iterator[TableBatch]:
    """Read the targets, and before them the history in which they are seen."""
    with read(solution, args.data, run) as batch:
        if args.history is None:
            yield batch
            return
        with read(solution, args.history, run) as before:
            frame, history = batch.frame, before.frame
        time = solution.inputs().role("time")
        if time is not None:
            history = history.filter(pl.col(time.name) < frame[time.name].min())
        yield batch.over(pl.concat([history, frame], how="diagonal"), start=history.height)


@contextmanager
def draft_of(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out`, to be renamed to it when all is done."""
    if out.exists():
        message = f"The bundle must be a new folder. Got {out}. Name another, or remove it."
        raise ConfigError(message)
    draft = out.with_name(out.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def add_command(commands: Commands, function: Command) -> argparse.ArgumentParser:
    """Name a command for a solution, as its function is named and described."""
    name = function.__name__.replace("_", "-")
    command = commands.add_parser(name, help=(function.__doc__ or "").rstrip("."))
    command.set_defaults(command=function)
    command.add_argument("slug", help="name of the solution, as `list` shows it")
    return command
