"""Commands that learn, measure and score."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ml_core.errors import AssayError, ConfigError
from ml_core.tracking.console import ConsoleRun
from solutions.command_inputs import (
    add_command,
    batch_of,
    draft_of,
    options_of,
    read,
    registry,
    solution_named,
    solution_of,
)
from solutions.command_voice import CORRECT, FAILED, print_figures
from solutions.tables import check_ending, write_table
from solutions.together import own_folder, together

if TYPE_CHECKING:
    import argparse

    from ml_core.tracking.run import Run
    from solutions.command_inputs import Commands


def list_solutions(_: argparse.Namespace) -> int:
    """Name what there is, and what is broken."""
    found = registry()
    for solution in found:
        print(f"{solution.slug:<16}{solution.version:<10}{solution.title}: {solution.summary}")
    for broken in found.broken:
        print(f"{broken.name:<16}broken    {broken.source}: {broken.reason}")
    return CORRECT


def check(args: argparse.Namespace) -> int:
    """Run the conformance kit."""
    from solutions.testing import ContractError, checks_for  # noqa: PLC0415  not needed elsewhere

    n_failed = n_checks = 0
    for one in checks_for(solution_of(args)):
        n_checks += 1
        try:
            one()
        except (ContractError, AssayError) as error:
            n_failed += 1
            print(f"FAIL  {one.name}: {error}", flush=True)
        else:
            print(f"ok    {one.name}", flush=True)
    print(f"{n_checks - n_failed} of {n_checks} checks passed.")
    return FAILED if n_failed else CORRECT


def train(args: argparse.Namespace) -> int:
    """Learn from a file and write a bundle, whole or not at all."""
    solution = solution_of(args)
    options = options_of(solution.options, args.set)
    with ConsoleRun(args.seed, checkpoints=args.checkpoints) as run, draft_of(args.out) as draft:
        payload = {
            "slug": args.slug, "data": str(args.data), "out": str(draft),
            "options": options.model_dump(mode="json"),
        }  # fmt: skip
        metrics = together("solutions.command_learning:learn", payload, options, run)
        if metrics is not None:
            draft.rename(args.out)
    if metrics is None:
        print("This machine has done its share. The bundle is on machine 0.")
        return CORRECT
    print_figures(solution, metrics)
    print(f"Bundle: {args.out}")
    return CORRECT


def learn(payload: dict[str, Any], run: Run) -> dict[str, float]:
    """Train as one process, or as one of several that do the same; return the figures."""
    solution = solution_named(payload["slug"])
    options = solution.options(**payload["options"])
    with ExitStack() as stack:
        batch = stack.enter_context(read(solution, Path(payload["data"]), run))
        split = solution.split(batch, options, run.seed)
        run.log(split.how)
        out = stack.enter_context(own_folder(Path(payload["out"])))
        trained = solution.train(split, options, run, out)
    return {name: float(value) for name, value in trained.metrics.items()}


def evaluate(args: argparse.Namespace) -> int:
    """Score a labelled file and measure the scores."""
    solution = solution_of(args)
    with ConsoleRun() as run, batch_of(solution, args, run) as batch:
        predictions = solution.load(args.bundle).predict(batch, run)
        figures = dict(solution.evaluate(predictions, batch))
    if not figures:
        message = f"{args.data} must hold labels to be measured. Got none. Use predict instead."
        raise ConfigError(message)
    result = {
        "solution": solution.slug,
        "version": solution.version,
        "bundle": str(args.bundle),
        "data": str(args.data),
        "rows": len(batch),
        "figures": figures,
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print_figures(solution, figures)
    return CORRECT


def predict(args: argparse.Namespace) -> int:
    """Score a file and write one row of result per row, in its order."""
    solution = solution_of(args)
    check_ending(args.out)
    with ConsoleRun() as run, batch_of(solution, args, run) as batch:
        predictions = solution.load(args.bundle).predict(batch, run)
    keys = [column.name for column in solution.inputs().columns if column.role == "key"]
    named = batch.targets.select(keys).with_row_index("row", offset=1)
    write_table(pl.concat([named, predictions.frame], how="horizontal"), args.out)
    n_alerts = int(predictions.frame["alert"].sum())
    print(f"{len(batch):,} rows scored, {n_alerts:,} alerts. Result: {args.out}")
    return CORRECT


def add(commands: Commands) -> None:
    """Name the commands of this module, and what each takes."""
    listed = commands.add_parser("list", help="name the solutions")
    listed.set_defaults(command=list_solutions)
    add_command(commands, check)
    _train_arguments(add_command(commands, train))
    measure, score = add_command(commands, evaluate), add_command(commands, predict)
    for command in (measure, score):
        scoring_arguments(command)
    measure.add_argument("--json", type=Path, required=True, help="file for the figures")
    score.add_argument("--out", type=Path, required=True, help=".parquet, .csv or .json")


def _train_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="file or folder to learn from")
    command.add_argument("--out", type=Path, required=True, help="new folder for the bundle")
    command.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--checkpoints", type=Path, metavar="FOLDER",
        help="keep the state here after each epoch, and go on from what is there",
    )  # fmt: skip


def scoring_arguments(command: argparse.ArgumentParser) -> None:
    """Say what a command takes that uses a bundle on a file."""
    command.add_argument("--bundle", type=Path, required=True, help="folder that train wrote")
    command.add_argument("--data", type=Path, required=True, help="file or folder to score")
    command.add_argument("--history", type=Path, help="earlier rows, seen but not scored")
