"""Commands that change, compare and hand over bundles."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ml_core.compress.gate import table
from ml_core.errors import ConfigError
from ml_core.tracking.console import ConsoleRun
from solutions.bundle import read_card
from solutions.command_inputs import add_command, batch_of, draft_of, options_of, read, solution_of
from solutions.command_learning import scoring_arguments
from solutions.command_voice import CORRECT, FAILED
from solutions.compression import CompressOptions, why_not
from solutions.gate import HeldOut, Rule, judge, measured

if TYPE_CHECKING:
    import argparse

    from solutions.command_inputs import Commands
    from solutions.registry import AnySolution


def compress(args: argparse.Namespace) -> int:
    """Make a smaller model of a bundle, with the data that it learnt from."""
    solution = solution_of(args)
    chosen = options_of(CompressOptions, args.set)
    card = read_card(args.bundle)
    if reason := why_not(card):
        message = f"A model must be one that can be made smaller. Got {args.bundle}. {reason}"
        raise ConfigError(message)
    # Cut as for the training, so that all is measured on rows that no learning has seen.
    options, seed = solution.options.model_validate(card.get("options", {})), card.get("seed", 0)
    with ConsoleRun(seed) as run, ExitStack() as stack:
        draft = stack.enter_context(draft_of(args.out))
        batch = stack.enter_context(read(solution, args.data, run))
        split = solution.split(batch, options, seed)
        run.log(split.how)
        made = solution.compress(args.bundle, split, chosen, run, draft)
        made.require()
        draft.rename(args.out)
    print(table(made.variants))
    print(f"Bundle of the form {made.chosen!r}: {args.out}")
    return CORRECT


def gate(args: argparse.Namespace) -> int:
    """Compare a bundle with an older one on a labelled file that neither has learned from."""
    solution = solution_of(args)
    rule = _rule(solution, args)
    with ConsoleRun() as run, batch_of(solution, args, run) as batch:
        test = HeldOut(batch, None, "")
        found = [
            measured(solution, solution.load(bundle), test, run)
            for bundle in (args.bundle, args.against)
        ]
    verdict = judge(rule, found[0], found[1], test)
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(verdict.to_json(), indent=1), encoding="utf-8")
    print(f"{'Passed' if verdict.passed else 'Refused'}. {verdict.words}")
    return CORRECT if verdict.passed else FAILED


def _rule(solution: AnySolution, args: argparse.Namespace) -> Rule:
    known = {metric.name: metric for metric in solution.metrics}
    name = args.metric or solution.metrics[0].name
    if name not in known:
        message = f"--metric must be one of {', '.join(known)}. Got {name!r}. Choose one."
        raise ConfigError(message)
    for option in ("least_gain", "most_loss"):
        value = getattr(args, option)
        if value is not None and not 0 <= value < float("inf"):
            message = f"--{option.replace('_', '-')} must be 0 or more. Got {value}. Change it."
            raise ConfigError(message)
    return Rule(known[name], args.least_gain or 0.0, args.must_be_sure, args.most_loss)


def mlflow(args: argparse.Namespace) -> int:
    """Write a bundle as a model that `mlflow models serve` answers rows with."""
    from solutions.served import save_model  # noqa: PLC0415  not needed elsewhere

    out = save_model(solution_of(args), args.bundle, args.out)
    print(f"Model: {out}. Serve it: mlflow models serve --env-manager local -m {out}")
    return CORRECT


def graph(args: argparse.Namespace) -> int:
    """Measure the networks of a bundle: who runs them, how fast, and that nothing changes."""
    from ml_core.runtime.levels import measure_levels  # noqa: PLC0415  heavy

    files = sorted(args.bundle.rglob("*.onnx"))
    if not files or min(args.batch) < 1:
        message = (
            "There must be a bundle with an ONNX file, and batches of 1 or more. "
            f"Got {len(files)} in {args.bundle}, and {args.batch}. Name others."
        )
        raise ConfigError(message)
    rows = []
    for file in files:
        for one in measure_levels(file, args.batch, threads=args.threads):
            row = {"file": file.name, **asdict(one), "speedup": one.speedup}
            rows.append(row | {"rows_per_s": one.rows_per_s})
            print(
                f"{file.name:<20}batch {one.batch:<4}{one.optimised_ms:9.2f} ms"
                f"{one.rows_per_s:11,.0f} rows/s{one.speedup:7.2f}x of the plain graph, "
                f"{one.difference:.1e} apart, {one.provider}"
            )
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return CORRECT


def add(commands: Commands) -> None:
    """Name the commands of this module, and what each takes."""
    _compress_arguments(add_command(commands, compress))
    _gate_arguments(add_command(commands, gate))
    _mlflow_arguments(add_command(commands, mlflow))
    _graph_arguments(commands.add_parser("graph", help=(graph.__doc__ or "").rstrip(".")))


def _compress_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--bundle", type=Path, required=True, help="folder that train wrote")
    command.add_argument("--data", type=Path, required=True, help="what it was trained with")
    command.add_argument("--out", type=Path, required=True, help="new folder for the bundle")
    command.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE")


def _gate_arguments(command: argparse.ArgumentParser) -> None:
    scoring_arguments(command)
    command.add_argument("--against", type=Path, required=True, help="bundle in use until now")
    command.add_argument("--metric", default="", help="a figure of the solution; its first one")
    amount = command.add_mutually_exclusive_group()
    amount.add_argument("--least-gain", type=float, help="how much better it must be; 0")
    amount.add_argument("--most-loss", type=float, help="instead: how much worse it may be")
    command.add_argument("--must-be-sure", action="store_true", help="ask it of its interval, too")
    command.add_argument("--json", type=Path, help="file for the verdict")


def _mlflow_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--bundle", type=Path, required=True, help="folder that train wrote")
    command.add_argument("--out", type=Path, required=True, help="new folder for the model")


def _graph_arguments(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=graph)
    command.add_argument("bundle", type=Path, help="folder that train wrote")
    command.add_argument("--batch", type=int, nargs="+", default=[1, 16], help="sizes of batch")
    command.add_argument("--threads", type=int, help="cores that it may take; all by default")
    command.add_argument("--json", type=Path, help="file for the figures")
