"""Solutions without the product: `python -m solutions --help`.

Exit codes: 0 done, 1 the work failed or the gate refused, 2 the data or the command must be
corrected, 130 stopped.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import ValidationError

from ml_core.compress.gate import require_one, table
from ml_core.errors import AssayError, ConfigError, DataError
from ml_core.features.view import MODES
from ml_core.tracking.console import ConsoleRun
from solutions import data_commands
from solutions.bundle import read_card
from solutions.compression import CompressOptions
from solutions.gate import HeldOut, Rule, judge, measured
from solutions.registry import AnySolution, Registry
from solutions.tables import check_ending, check_rules, open_batch, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from solutions.api import Options, TableBatch

ALLOWED = "ASSAY_SOLUTIONS_ALLOWED"
CORRECT, FAILED, WRONG, STOPPED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors of ours are told in a sentence."""
    args = _parser().parse_args(arguments)
    try:
        code: int = args.command(args)
    except DataError as error:
        _tell_issues(error)
        return WRONG
    except ConfigError as error:
        _say(f"Error: {error}")
        return WRONG
    except AssayError as error:
        _say(f"Error: {error}")
        return FAILED
    except KeyboardInterrupt:
        _say("Stopped. Nothing was kept.")
        return STOPPED
    return code


def list_solutions(_: argparse.Namespace) -> int:
    """Name what there is, and what is broken."""
    registry = _registry()
    for solution in registry:
        print(f"{solution.slug:<16}{solution.version:<10}{solution.title}: {solution.summary}")
    for broken in registry.broken:
        print(f"{broken.name:<16}broken    {broken.source}: {broken.reason}")
    return CORRECT


def check(args: argparse.Namespace) -> int:
    """Run the conformance kit."""
    from solutions.testing import ContractError, checks_for  # noqa: PLC0415  not needed elsewhere

    n_failed = n_checks = 0
    for one in checks_for(_solution(args)):
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
    solution = _solution(args)
    options = _options(solution.options, args.set)
    with ConsoleRun(args.seed, checkpoints=args.checkpoints) as run, ExitStack() as stack:
        draft = stack.enter_context(_draft(args.out))
        batch = stack.enter_context(_read(solution, args.data, run))
        split = solution.split(batch, options, args.seed)
        run.log(split.how)
        trained = solution.train(split, options, run, draft)
        draft.rename(args.out)
    _print_figures(solution, trained.metrics)
    print(f"Bundle: {args.out}")
    return CORRECT


def compress(args: argparse.Namespace) -> int:
    """Make a smaller model of a bundle, with the data that it learnt from."""
    solution = _solution(args)
    chosen = _options(CompressOptions, args.set)
    card = read_card(args.bundle)
    # Cut as for the training, so that all is measured on rows that no learning has seen.
    options, seed = solution.options.model_validate(card.get("options", {})), card.get("seed", 0)
    with ConsoleRun(seed) as run, ExitStack() as stack:
        draft = stack.enter_context(_draft(args.out))
        batch = stack.enter_context(_read(solution, args.data, run))
        split = solution.split(batch, options, seed)
        run.log(split.how)
        made = solution.compress(args.bundle, split, chosen, run, draft)
        require_one(made.variants)
        draft.rename(args.out)
    print(table(made.variants))
    print(f"Bundle of the form {made.chosen!r}: {args.out}")
    return CORRECT


@contextmanager
def _draft(out: Path) -> Iterator[Path]:
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


def evaluate(args: argparse.Namespace) -> int:
    """Score a labelled file and measure the scores."""
    solution = _solution(args)
    with ConsoleRun() as run, _batch(solution, args, run) as batch:
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
    _print_figures(solution, figures)
    return CORRECT


def predict(args: argparse.Namespace) -> int:
    """Score a file and write one row of result per row, in its order."""
    solution = _solution(args)
    check_ending(args.out)
    with ConsoleRun() as run, _batch(solution, args, run) as batch:
        predictions = solution.load(args.bundle).predict(batch, run)
    keys = [column.name for column in solution.inputs().columns if column.role == "key"]
    named = batch.targets.select(keys).with_row_index("row", offset=1)
    write_table(pl.concat([named, predictions.frame], how="horizontal"), args.out)
    n_alerts = int(predictions.frame["alert"].sum())
    print(f"{len(batch):,} rows scored, {n_alerts:,} alerts. Result: {args.out}")
    return CORRECT


def features(args: argparse.Namespace) -> int:
    """Bring feature views up to a file, in a folder of Parquet by view and day."""
    from ml_core.features.folder import FeatureFolder  # noqa: PLC0415  compiles; not needed elsewhere

    solution = _solution(args)
    views = {view.name: view for view in solution.features()}
    unknown = [name for name in args.view if name not in views]
    if unknown or not views:
        message = (
            f"A feature view must be one of {', '.join(views) or 'none'}. "
            f"Got {', '.join(unknown) or solution.slug}. Choose one of those."
        )
        raise ConfigError(message)
    with ConsoleRun() as run, _read(solution, args.data, run) as batch:
        for name in args.view or views:
            run.stage(name)
            folder = FeatureFolder(args.out / name, views[name])
            made = folder.materialise(batch.frame, args.mode, args.start, args.end, run)
            print(
                f"{name}: {made.n_computed:,} days computed, {made.n_kept:,} kept, "
                f"{made.n_dropped:,} removed; {made.n_rows:,} rows in {args.out / name}"
            )
    return CORRECT


def gate(args: argparse.Namespace) -> int:
    """Compare a bundle with an older one on a labelled file that neither has learned from."""
    solution = _solution(args)
    rule = _rule(solution, args)
    with ConsoleRun() as run, _batch(solution, args, run) as batch:
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


def mlflow(args: argparse.Namespace) -> int:
    """Write a bundle as a model that `mlflow models serve` answers rows with."""
    from solutions.served import save_model  # noqa: PLC0415  not needed elsewhere

    out = save_model(_solution(args), args.bundle, args.out)
    print(f"Model: {out}. Serve it: mlflow models serve --env-manager local -m {out}")
    return CORRECT


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


def check_data(args: argparse.Namespace) -> int:
    """Tell what well-formed rows hide: doubles, leaks, outliers, drift."""
    schema = _solution(args).inputs()
    is_usable = data_commands.check_data(schema, args.data, args.reference, args.rule, args.json)
    return CORRECT if is_usable else WRONG


def compare_data(args: argparse.Namespace) -> int:
    """Tell what differs between two files."""
    data_commands.compare_data(_solution(args).inputs(), args.old, args.new, args.json)
    return CORRECT


def keep_good(args: argparse.Namespace) -> int:
    """Part the good rows of a file from the bad ones, and keep both."""
    schema = _solution(args).inputs()
    n_good, n_bad = data_commands.keep_good(schema, args.data, args.out, args.aside)
    print(f"{n_good:,} rows are kept in {args.out}, {n_bad:,} are put aside in {args.aside}.")


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


def _registry(slug: str = "") -> Registry:
    """Find all solutions; `tests.<slug>_solution` counts when there is such a module."""
    allowed = [name.strip() for name in os.environ.get(ALLOWED, "").split(",") if name.strip()]
    test = f"tests.{slug}_solution"
    has_test = slug.isidentifier() and importlib.util.find_spec("tests") is not None
    modules = [test] if has_test and importlib.util.find_spec(test) else []
    return Registry.discover(allowed, modules)


def _solution(args: argparse.Namespace) -> AnySolution:
    return _registry(args.slug)[args.slug]


def _options(kind: type[Options], choices: Sequence[str]) -> Any:
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
def _read(solution: AnySolution, path: Path, run: ConsoleRun) -> Iterator[TableBatch]:
    run.stage("reading")

    def progress(rows: int, share: float) -> None:
        run.progress(round(100 * share), 100, f"% ({rows:,} rows)")

    with open_batch(path, solution.inputs(), progress) as batch:
        check_rules(solution, batch)
        run.log(f"{len(batch):,} rows read from {path}")
        yield batch


@contextmanager
def _batch(
    solution: AnySolution, args: argparse.Namespace, run: ConsoleRun
) -> Iterator[TableBatch]:
    """Read the targets, and before them the history in which they are seen."""
    with _read(solution, args.data, run) as batch:
        if args.history is None:
            yield batch
            return
        with _read(solution, args.history, run) as before:
            frame, history = batch.frame, before.frame
        time = solution.inputs().role("time")
        if time is not None:
            history = history.filter(pl.col(time.name) < frame[time.name].min())
        yield batch.over(pl.concat([history, frame], how="diagonal"), start=history.height)


def _print_figures(solution: AnySolution, figures: Any) -> None:
    formats = {metric.name: (metric.title, metric.format) for metric in solution.metrics}
    for name, value in figures.items():
        title, style = formats.get(name, (name, ".4g"))
        print(f"{title:<40}{value:{style}}")


def _tell_issues(error: DataError) -> None:
    for issue in error.issues[:20]:
        _say(f"{issue.severity}: {issue.message}")
    if len(error.issues) > 20:
        _say(f"... and {len(error.issues) - 20:,} more.")


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m solutions", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listed = commands.add_parser("list", help="name the solutions")
    listed.set_defaults(command=list_solutions)
    verbs = (
        check, train, compress, evaluate, predict, features, gate, mlflow, check_data,
        compare_data, keep_good,
    )  # fmt: skip
    for function in verbs:
        name = function.__name__.replace("_", "-")
        command = commands.add_parser(name, help=(function.__doc__ or "").rstrip("."))
        command.set_defaults(command=function)
        command.add_argument("slug", help="name of the solution, as `list` shows it")
    _graph_arguments(commands.add_parser("graph", help=(graph.__doc__ or "").rstrip(".")))
    _train_arguments(commands.choices["train"])
    _compress_arguments(commands.choices["compress"])
    _evaluate_arguments(commands.choices["evaluate"])
    _predict_arguments(commands.choices["predict"])
    _features_arguments(commands.choices["features"])
    _gate_arguments(commands.choices["gate"])
    _mlflow_arguments(commands.choices["mlflow"])
    _data_arguments(commands.choices)
    return parser


def _train_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="file or folder to learn from")
    command.add_argument("--out", type=Path, required=True, help="new folder for the bundle")
    command.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--checkpoints", type=Path, metavar="FOLDER",
        help="keep the state here after each epoch, and go on from what is there",
    )  # fmt: skip


def _data_arguments(commands: Mapping[str, argparse.ArgumentParser]) -> None:
    look, compare, part = (commands[name] for name in ("check-data", "compare-data", "keep-good"))
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


def _compress_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--bundle", type=Path, required=True, help="folder that train wrote")
    command.add_argument("--data", type=Path, required=True, help="what it was trained with")
    command.add_argument("--out", type=Path, required=True, help="new folder for the bundle")
    command.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE")


def _scoring_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--bundle", type=Path, required=True, help="folder that train wrote")
    command.add_argument("--data", type=Path, required=True, help="file or folder to score")
    command.add_argument("--history", type=Path, help="earlier rows, seen but not scored")


def _evaluate_arguments(command: argparse.ArgumentParser) -> None:
    _scoring_arguments(command)
    command.add_argument("--json", type=Path, required=True, help="file for the figures")


def _predict_arguments(command: argparse.ArgumentParser) -> None:
    _scoring_arguments(command)
    command.add_argument("--out", type=Path, required=True, help=".parquet, .csv or .json")


def _features_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="file or folder of events")
    command.add_argument("--out", type=Path, required=True, help="folder of the features")
    command.add_argument("--view", action="append", default=[], help="one of them; all by default")
    command.add_argument("--mode", choices=MODES, default="incremental")
    for name, end in (("start", "first"), ("end", "last")):
        command.add_argument(
            f"--{name}", type=date.fromisoformat, help=f"{end} day of a backfill, as 2026-05-01"
        )


def _gate_arguments(command: argparse.ArgumentParser) -> None:
    _scoring_arguments(command)
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


if __name__ == "__main__":
    sys.exit(main())
