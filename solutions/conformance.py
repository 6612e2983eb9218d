"""The checks of the conformance kit, one function each; its name is the check's name."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import zipfile
from collections import Counter
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from ml_core.errors import CancelledError, ModelError
from solutions import blocks
from solutions.api import API_VERSION, Options, Predictions
from solutions.company import strangers_change_nothing
from solutions.registry import SLUG
from solutions.spoilt import expect_data_error, read, text
from solutions.tables import check_rules
from solutions.testing import ContractError, ImpatientRun, Training, Trial, expect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ml_core.typing import Frame

HEAVY = ("torch", "torch_geometric", "numba", "onnxruntime", "sklearn", "scipy", "xgboost",
         "transformers", "ultralytics", "django", "celery")  # fmt: skip
MOST_DEMO_BYTES = 100 * 1024
MOST_SECONDS = 60.0
PARITY = 1e-3
CLOSE = 1e-6
# A figure within a text, as people read it; two trainings may round its last digit apart.
FIGURE = r"-?\d+(?:\.\d+)?"
MOST_UNITS_APART = 1.5
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".ckpt")


def identity(trial: Trial) -> None:
    """It names itself in full, and its metrics can be shown."""
    solution = trial.solution
    expect(SLUG.fullmatch(solution.slug), f"slug must be a-z, 0-9, _. Got {solution.slug!r}.")
    expect(
        solution.api_version == API_VERSION,
        f"api_version must be {API_VERSION}. Got {solution.api_version}.",
    )
    for word in ("title", "summary", "version", "icon"):
        expect(getattr(solution, word, "").strip(), f"{word} must be given. Got nothing.")
    names = [metric.name for metric in solution.metrics]
    expect(names and len(set(names)) == len(names), f"metrics must differ. Got {names}.")
    for metric in solution.metrics:
        expect(metric.title and metric.description, f"Metric {metric.name} must be described.")
        expect(format(0.5, metric.format), f"Metric {metric.name} must have a format.")


def light_import(trial: Trial) -> None:
    """Importing it imports nothing heavy: the web process does so, too."""
    module = type(trial.solution).__module__
    script = f"import json, sys, {module}; json.dump(sorted(sys.modules), sys.stdout)"
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    expect(done.returncode == 0, f"{module} must be importable alone. Got {done.stderr[-300:]}")
    heavy = sorted(set(HEAVY) & set(json.loads(done.stdout)))
    expect(not heavy, f"Importing {module} must be light. Got {heavy}. Import inside methods.")


def options_have_defaults_and_survive_json(trial: Trial) -> None:
    """A form, an API and a command line can be made from the options."""
    kind = trial.solution.options
    expect(issubclass(kind, Options), "options must be a class made from solutions.api.Options.")
    options = kind()
    again = kind.model_validate_json(options.model_dump_json())
    expect(again == options, "Options must be the same after JSON.")
    for name, info in kind.model_fields.items():
        expect(info.description, f"Option {name} must have a description.")
    json.dumps(kind.model_json_schema())


def fields_are_described(trial: Trial) -> None:
    """Each column says what it is, and no two answer to one name."""
    schema = trial.solution.inputs()
    for column in schema.columns:
        expect(column.title and column.description, f"Column {column.name} must be described.")
    names = chain.from_iterable({c.name, *c.aliases} for c in schema.columns)
    twice = [name for name, count in Counter(map(str.casefold, names)).items() if count > 1]
    expect(not twice, f"Names and aliases must be one column's. Got {twice} for several.")
    roles = Counter(column.role for column in schema.columns if column.role)
    expect(all(n == 1 for n in roles.values()), f"A role must be one column's. Got {roles}.")


def schema_is_steady(trial: Trial) -> None:
    """Asking twice gives the same columns, and feature views speak of them."""
    solution = trial.solution
    expect(solution.inputs() == solution.inputs(), "inputs() must always be the same.")
    views = solution.features()
    expect(views == solution.features(), "features() must always be the same.")
    expect(len({view.name for view in views}) == len(views), "Feature views must differ by name.")
    for view in views:
        expect(view.owner == solution.slug, f"{view.name} must be the solution's own.")
        view.check(solution.inputs())


def demo_passes_its_own_schema(trial: Trial) -> None:
    """The demo is small, and the product would take it."""
    size = trial.solution.demo().stat().st_size
    expect(size <= MOST_DEMO_BYTES, f"demo() must be 100 KiB at most. Got {size:,} bytes.")
    check_rules(trial.solution, trial.batch)


def demo_trains_in_a_minute(trial: Trial) -> None:
    """Trying it takes no longer than a coffee.

    On a busy machine the clock counts the work of others, so processor time may speak instead.
    """
    seconds = _seconds(trial.first)
    if seconds > MOST_SECONDS:  # the first pays for imports and compilation
        seconds = min(seconds, _seconds(trial.second))
    expect(seconds <= MOST_SECONDS, f"The demo must train in {MOST_SECONDS} s. Got {seconds:.0f}.")


def same_seed_same_result(trial: Trial) -> None:
    """The same seed gives the same metrics and the same predictions.

    To five digits: libraries of linear algebra sum in another order where memory lies otherwise.
    """
    first, second = trial.first.trained, trial.second.trained
    expect(
        first.metrics.keys() == second.metrics.keys()
        and all(_near(first.metrics[name], second.metrics[name]) for name in first.metrics),
        f"The same seed must give the same metrics. Got {first.metrics} and {second.metrics}.",
    )
    again = trial.solution.load(second.bundle, "cpu").predict(trial.batch)
    one, other = trial.predictions.frame, again.frame
    try:
        assert_frame_equal(_worded(one), _worded(other), rel_tol=1e-5, abs_tol=1e-6)
        for name in one.select(pl.col(pl.String)).columns:
            _expect_same_figures(one[name], other[name])
    except AssertionError as error:
        raise ContractError(f"The same seed must give the same predictions. {error}") from error


def _worded(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.String).str.replace_all(FIGURE, "#"))


def _expect_same_figures(one: pl.Series, other: pl.Series) -> None:
    """Compare the figures within texts: each may fall to the other side of its rounding."""
    texts = [column.str.extract_all(FIGURE).explode().drop_nulls() for column in (one, other)]
    digits = texts[0].str.split(".").list.get(1, null_on_oob=True).str.len_chars().fill_null(0)
    first, second = (column.cast(pl.Float64) for column in texts)
    apart = (first - second).abs() * pl.Series([10.0]).pow(digits) > MOST_UNITS_APART
    expect(not apart.any(), f"Column {one.name!r} must have the same figures. Got others.")


def _near(one: float | None, other: float | None) -> bool:
    if one is None or other is None or math.isnan(one):
        return one is other or (one is not None and other is not None and math.isnan(other))
    return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6)


def declared_metrics_are_measured(trial: Trial) -> None:
    """Each metric that is declared is a number after training."""
    got = trial.first.trained.metrics
    bad = [m.name for m in trial.solution.metrics if not math.isfinite(got.get(m.name, math.nan))]
    expect(not bad, f"Declared metrics must be measured by train(). Got no number for {bad}.")


def bundle_has_no_pickle(trial: Trial) -> None:
    """Nothing in the bundle can run code when it is loaded."""
    for path in _bundle_files(trial):
        head = path.read_bytes()[:2]
        is_pickle = head[:1] == b"\x80" and head[1:] in (b"\x02", b"\x03", b"\x04", b"\x05")
        is_archive = zipfile.is_zipfile(path)
        expect(
            not (is_pickle or is_archive or path.suffix in PICKLES),
            f"A bundle must hold ONNX, JSON and safetensors. Got {path.name}. Save it as those.",
        )


def bundle_has_a_card(trial: Trial) -> None:
    """The card says where the data came from, under which licence, and what the limits are."""
    card = _card(trial)
    for word in ("data_origin", "licence", "limits"):
        expect(card.get(word), f"card.json must say its {word}. Got nothing. Add it.")


def exported_model_agrees(trial: Trial) -> None:
    """The card says how far ONNX is from the network, and ONNX Runtime takes rows one by one."""
    from ml_core.runtime.session import Session  # noqa: PLC0415  heavy

    parity = _card(trial).get("parity", math.nan)
    expect(
        isinstance(parity, float | int) and parity <= PARITY,
        f'card.json must have "parity", at most {PARITY}, as ml_core.runtime.parity.compare '
        f"returned it. Got {parity}.",
    )
    for path in _bundle_files(trial):
        if path.suffix == ".onnx":
            fixed = [n for n, shape in Session(path, "cpu").inputs.items() if _is_fixed(shape)]
            expect(not fixed, f"Inputs of {path.name} must have a free first axis. Got {fixed}.")


def it_loads_and_predicts(trial: Trial) -> None:
    """The predictions have the columns, types and ranges of the contract."""
    frame = trial.predictions.frame
    for name, dtype in Predictions.CORE.items():
        got = frame.schema.get(name)
        expect(got == dtype, f"Predictions must have {name} of type {dtype}. Got {got}.")
    expect(frame["score"].is_finite().all(), "Scores must be finite numbers.")
    expect(frame["confidence"].is_between(0, 1).all(), "Confidence must be from 0 to 1.")
    _plain_json(dict(trial.predictions.facts), "facts")


def rows_keep_number_and_order(trial: Trial) -> None:
    """A part of the rows gets the same answers, in the same order, as it has in the whole."""
    n = trial.frame.height
    for start, stop in ((0, n // 3), (n // 3, n // 3), (n // 3, n)):
        got = trial.predictor.predict(trial.batch.over(trial.frame, start, stop)).frame
        expect(
            got.height == stop - start,
            f"Predictions must be one per target. Got {got.height} for {stop - start}.",
        )
        _same(got, trial.predictions.frame.slice(start, stop - start), "a part of the rows")


def one_row_is_as_in_company(trial: Trial) -> None:
    """A row scored alone gets the answer it gets among others."""
    for row in _some_rows(trial):
        got = trial.predictor.predict(trial.batch.over(trial.frame, row, row + 1)).frame
        _same(got, trial.predictions.frame.slice(row, 1), f"row {row} alone")


def the_future_changes_nothing(trial: Trial) -> None:
    """A row gets the same answer when nothing later than it is known."""
    time_column = trial.solution.inputs().role("time")
    if time_column is None:
        return
    moments = trial.frame[time_column.name]
    for row in _some_rows(trial):
        known = moments <= moments[row]
        place = int(known.head(row).sum())
        batch = trial.batch.over(trial.frame.filter(known), place, place + 1)
        got = trial.predictor.predict(batch).frame
        _same(got, trial.predictions.frame.slice(row, 1), f"row {row} without its future")


def report_is_json_of_known_kinds(trial: Trial) -> None:
    """What people see can be stored, sent and drawn."""
    batch = trial.batch
    reports = [trial.solution.report(trial.predictions, batch)]
    expect(reports[0].blocks, "report() must show something. Got no block.")
    rows = [int(trial.predictions.frame["score"].arg_max() or 0)]
    usual = trial.solution.settings()
    reports += trial.solution.explain(trial.predictor, rows, batch, settings=usual).values()
    for block in chain.from_iterable(report.to_json() for report in reports):
        _plain_json(block, f"a block of kind {block['kind']}")
        expect(block["kind"] in blocks.KINDS, f"Kinds must be known. Got {block['kind']!r}.")


def figures_are_numbers(trial: Trial) -> None:
    """Measuring with labels gives numbers, and without labels no error."""
    batch = trial.batch
    measured = trial.solution.evaluate(trial.predictions, batch)
    expect(
        all(isinstance(value, float | int) for value in measured.values()),
        f"evaluate() must give numbers. Got {measured}.",
    )
    label = trial.solution.inputs().role("label")
    if label is not None and label.nullable:
        bare = trial.batch.over(
            trial.frame.with_columns(
                pl.lit(None).cast(trial.frame.schema[label.name]).alias(label.name)
            )
        )
        got = trial.predictor.predict(bare)
        trial.solution.evaluate(got, bare)
        trial.solution.report(got, bare)


def empty_input_is_refused(trial: Trial) -> None:
    """A header without rows is a DataError, for the file and for the split."""
    expect_data_error(lambda: read(trial, text(trial).head(0)), "a file without rows")
    empty = trial.batch.over(trial.frame.head(0))
    options = trial.options
    expect_data_error(lambda: trial.solution.split(empty, options, 0), "a batch without rows")


def wrong_type_is_refused(trial: Trial) -> None:
    """Text in a number, a time or a flag is a DataError that names the column."""
    columns = trial.solution.inputs().required
    for column in [c for c in columns if c.kind in ("number", "time", "flag")]:
        broken = text(trial).with_columns(pl.lit("no such thing").alias(column.name))
        expect_data_error(partial(read, trial, broken), "text in a", column.name)


def missing_column_is_refused(trial: Trial) -> None:
    """A required column that is not there is a DataError that names the column."""
    # Without a column that names them, an archive's pictures are rows themselves.
    for column in [c for c in trial.solution.inputs().required if c.kind != "image"]:
        broken = text(trial).drop(column.name)
        expect_data_error(partial(read, trial, broken), "no", column.name)


def cancel_is_obeyed(trial: Trial) -> None:
    """A training stops within one step of being asked, wherever it is."""
    for patience in (0, 3):
        run = ImpatientRun(patience)
        out = trial.folder(f"cancelled-{patience}")
        try:
            trial.solution.train(trial.split(), trial.options, run, out)
        except CancelledError:
            pass
        else:
            message = "train() must raise CancelledError once run.cancelled(). Got a result."
            raise ContractError(message)
        expect(
            run.after <= 1,
            f"train() must stop within one step of the wish. Got {run.after} steps more.",
        )


def no_network_is_used(trial: Trial) -> None:
    """Neither training nor scoring calls anybody."""
    calls = trial.first.calls
    expect(not calls, f"A solution must not use the network. Got calls to {sorted(set(calls))}.")


def a_damaged_bundle_is_refused(trial: Trial) -> None:
    """A bundle without a file is a ModelError, not a crash."""
    try:
        trial.solution.load(trial.folder("empty"), "cpu")
    except ModelError:
        return
    message = "load() must raise ModelError for an empty folder. Got a predictor."
    raise ContractError(message)


CHECKS: tuple[Callable[[Trial], None], ...] = (
    identity, light_import, options_have_defaults_and_survive_json, fields_are_described,
    schema_is_steady, demo_passes_its_own_schema, empty_input_is_refused, wrong_type_is_refused,
    missing_column_is_refused, cancel_is_obeyed, demo_trains_in_a_minute, no_network_is_used,
    declared_metrics_are_measured, bundle_has_no_pickle, bundle_has_a_card, exported_model_agrees,
    a_damaged_bundle_is_refused, it_loads_and_predicts, rows_keep_number_and_order,
    one_row_is_as_in_company, strangers_change_nothing, the_future_changes_nothing,
    report_is_json_of_known_kinds, figures_are_numbers, same_seed_same_result,
)  # fmt: skip


def _seconds(training: Training) -> float:
    return min(training.seconds, training.cpu_seconds)


def _some_rows(trial: Trial) -> list[int]:
    """Return rows from all over the demo, the first and the last among them."""
    places = np.linspace(0, trial.frame.height - 1, 6)
    return sorted({int(place) for place in places})


def _same(got: Frame, wanted: Frame, what: str) -> None:
    apart = (got["score"] - wanted["score"]).abs().to_numpy()
    worst = float(apart.max(initial=0.0))
    expect(
        worst <= CLOSE,
        f"{what} must get the scores that it gets in the whole. Got a difference of {worst}. "
        "Let each row depend on what was known at its own time, and on nothing else.",
    )


def _plain_json(value: object, what: str) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        message = f"{what} must be plain JSON without NaN. Got: {error}."
        raise ContractError(message) from error


def _card(trial: Trial) -> Mapping[str, Any]:
    try:
        text = (trial.first.trained.bundle / "card.json").read_text(encoding="utf-8")
        card: Mapping[str, Any] = json.loads(text)
    except (OSError, ValueError) as error:
        message = f"A bundle must have a card.json. Got: {error}. Write it at the end of train()."
        raise ContractError(message) from error
    return card


def _bundle_files(trial: Trial) -> list[Path]:
    return [path for path in trial.first.trained.bundle.rglob("*") if path.is_file()]


def _is_fixed(shape: list[object]) -> bool:
    return bool(shape) and isinstance(shape[0], int)
