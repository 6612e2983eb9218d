"""From a bundle to a smaller one: the pipeline, fed by a solution, and what it leaves."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ml_core.compress.gate import Gate, GateError
from ml_core.compress.pipeline import ORIGINAL, Plan, Recipe, compress
from ml_core.errors import ConfigError
from ml_core.evaluate.intervals import Interval, bootstrap
from ml_core.seed import seed_all
from solutions.api import Predictions, Split, TableBatch
from solutions.bundle import (
    CARD,
    EIGHT_BITS,
    NETWORK,
    PREPARATION,
    WEIGHTS,
    read_card,
    save_card,
)
from solutions.compression import Compressed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.compress.gate import Variant
    from ml_core.compress.pipeline import Compressed as Made
    from ml_core.tracking.run import Run
    from ml_core.typing import IntArray
    from solutions.api import Predictor, Solution
    from solutions.compression import CompressOptions

OWN = frozenset({CARD, PREPARATION, NETWORK, EIGHT_BITS, WEIGHTS})
N_DRAWS = 200
QUANTISED = frozenset({"PTQ", "QAT"})


class Tell(Protocol):
    """Says what a card must say of the new form, where the original's words do not hold."""

    def __call__(self, metrics: Mapping[str, float], out: Path) -> Mapping[str, Any]:
        """Return entries of the card of the bundle `out`, which was measured."""
        ...


class Settle(Protocol):
    """Writes what a solution keeps beside its network, such as a calibration."""

    def __call__(self, out: Path, file: str) -> None:
        """Write it into the new bundle, whose network is `file`."""
        ...


def require_offered(solution: Solution[Any], options: CompressOptions) -> None:
    """Stop if a step was chosen that a solution has no way to take.

    Raises: ConfigError: naming those it has.
    """
    unknown = [step for step in options.steps if step not in solution.compressions]
    if unknown or not options.steps:
        message = (
            f"Steps must be among those of {solution.title}: {', '.join(solution.compressions)}. "
            f"Got {', '.join(unknown) or 'none'}. Choose others."
        )
        raise ConfigError(message)


def figures_of(
    solution: Solution[Any], predictor: Predictor, batch: TableBatch
) -> tuple[dict[str, float], Interval]:
    """Measure a model, and say how sure its first figure is.

    Whole pictures, or rows where there are none, are drawn again and again.
    """
    name = solution.metrics[0].name
    told, targets = predictor.predict(batch), batch.targets

    def figure(rows: IntArray) -> float:
        some = Predictions(told.frame[rows], told.facts)
        return float(solution.evaluate(some, batch.over(targets[rows])).get(name, float("nan")))

    figures = dict(solution.evaluate(told, batch))
    return figures, bootstrap(figure, _groups(solution, batch), n_draws=N_DRAWS)


def _groups(solution: Solution[Any], batch: TableBatch) -> Any:
    images = [c.name for c in solution.inputs().columns if c.kind == "image"]
    if not images:
        return np.arange(len(batch))
    return batch.targets[images[0]].rank("dense").to_numpy()


def make_smaller(  # noqa: PLR0913  what of, by which recipe, and what is to come out
    solution: Solution[Any],
    bundle: Path,
    data: Split,
    options: CompressOptions,
    run: Run,
    out: Path,
    *,
    network: Any,
    recipe: Recipe,
    settle: Settle,
    tell: Tell = lambda *_: {},
) -> Compressed:
    """Take the steps that were chosen, and write the bundle of the best form that passed.

    Forms are judged on the validation part. The best is then tested, once, on the part that is
    reported on, and must pass there too.

    Raises: ConfigError: if a step is not offered. CancelledError: if asked to stop.
    """
    require_offered(solution, options)
    seed_all(run.seed)
    plan = _plan(options)
    with tempfile.TemporaryDirectory(dir=out.parent) as named:
        folder = Path(named)
        made = compress(network, bundle / NETWORK, recipe, plan, folder, run)
        try:
            chosen = made.chosen(plan.goal)
        except GateError:
            return Compressed(made.variants)
        file = _copy(bundle, out, folder, made, chosen)
    settle(out, file)
    run.stage("Measuring")
    metrics, value = _with_bounds(solution, solution.load(out, "cpu"), data.test)
    variants, reason = _tested(solution, bundle, data.test, made.variants, chosen, value)
    if reason:
        return Compressed(variants, reason=reason)
    card = _card(solution, bundle, variants, made.base, chosen, metrics)
    card |= {"compression": options.model_dump(mode="json"), **tell(metrics, out)}
    save_card(out, card)
    return Compressed(variants, chosen.name, out, metrics)


def _plan(options: CompressOptions) -> Plan:
    return Plan(
        steps=options.steps,  # type: ignore[arg-type]  # names of steps, which were checked
        allowed=options.allowed_loss, seconds=60 * options.minutes, share=options.share,
        goal=options.goal,
    )  # fmt: skip


def _with_bounds(
    solution: Solution[Any], predictor: Predictor, test: TableBatch
) -> tuple[dict[str, float], float]:
    metrics, sure = figures_of(solution, predictor, test)
    first = solution.metrics[0].name
    return metrics | {f"{first}_low": sure.low, f"{first}_high": sure.high}, sure.value


def _tested(
    solution: Solution[Any], bundle: Path, test: TableBatch, variants: tuple[Variant, ...],
    chosen: Variant, value: float,
) -> tuple[tuple[Variant, ...], str]:  # fmt: skip
    """Ask the original about the same rows; return the forms with it, and why none is kept."""
    first = solution.metrics[0]
    original = solution.load(bundle, "cpu").predict(test)
    gate = Gate(
        float(solution.evaluate(original, test).get(first.name, float("nan"))), chosen.allowed,
        first.higher_is_better,
    )  # fmt: skip
    told, passed = replace(chosen, tested=value, tested_loss=gate.loss(value)), gate.passes(value)
    new = {
        ORIGINAL: replace(variants[0], tested=gate.original, tested_loss=0.0),
        chosen.name: replace(told, passed=passed),
    }
    reason = "" if passed else (
        f"A form must keep enough on rows by which it was not chosen. {chosen.name} lost "
        f"{gate.loss(value):.2f} points there, where {chosen.allowed:g} are allowed. Nothing was "
        "kept. Allow more, take fewer channels, give more minutes, or more data to measure on."
    )  # fmt: skip
    return tuple(new.get(one.name, one) for one in variants), reason


def _copy(bundle: Path, out: Path, folder: Path, made: Made, chosen: Variant) -> str:
    """Copy what is as it was, and the networks; return the file that answers."""
    for path in bundle.iterdir():
        if path.name not in OWN:
            shutil.copyfile(path, out / path.name)
    files = {one.name: folder / one.file for one in made.variants}
    files[ORIGINAL] = bundle / NETWORK
    if chosen.name not in QUANTISED:
        shutil.copyfile(files[chosen.name], out / NETWORK)
        return NETWORK
    shutil.copyfile(files[made.base], out / NETWORK)
    shutil.copyfile(files[chosen.name], out / EIGHT_BITS)
    return EIGHT_BITS


def _card(
    solution: Solution[Any], bundle: Path, variants: tuple[Variant, ...], base: str,
    chosen: Variant, metrics: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    """Return the card of the original, with what is told of the new form in its place."""
    first = solution.metrics[0].name
    card = read_card(bundle)
    for told_of_the_original in ("parity", "baseline", "intervals"):
        card.pop(told_of_the_original, None)
    lines = [
        {
            "name": one.name, "size_mb": one.size_mb, "latency_ms": one.latency_ms,
            "rows_per_s": one.rows_per_s, first: one.metric,
        }
        for one in variants
    ]  # fmt: skip
    origin = base if chosen.name in QUANTISED else ORIGINAL
    new = {"metrics": metrics, "form": chosen.name, "made_from_form": origin, "variants": lines}
    return card | new
