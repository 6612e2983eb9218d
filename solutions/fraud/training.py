"""Learning from labelled payments: sample, baseline, network, choice, bundle.

The order of `train` is the order of reading: compute facts, choose examples, grow the baseline,
fit the network, choose on the validation part what is shipped and when it alerts, write the
bundle, and measure on the test part, through the very predictor that the product uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save_file

from ml_core.errors import DataError, Issue
from ml_core.evaluate.metrics import average_precision
from ml_core.runtime.export import to_onnx
from ml_core.runtime.parity import compare
from ml_core.seed import generator, seed_all
from ml_core.train.group import leave_unless_first, mine
from ml_core.train.loop import History, fit
from solutions.api import Split, TableBatch, Trained
from solutions.fraud import baseline, bundle, private
from solutions.fraud.card import write_card
from solutions.fraud.choosing import Chosen, choose
from solutions.fraud.graph import CARD_COLUMNS, TERMINAL_COLUMNS, Neighbourhoods
from solutions.fraud.measures import Judged, figures, intervals, judged, ranking
from solutions.fraud.network import FraudNetwork, Scale
from solutions.fraud.options import DAY, FraudOptions
from solutions.fraud.scoring import FactsOf, FraudPredictor
from solutions.privacy import privacy_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import xgboost as xgb
    from numpy.random import Generator

    from ml_core.security.privacy import Privacy, PrivateSteps
    from ml_core.tracking.run import Run
    from ml_core.typing import BoolArray, Float32Array, FloatArray, IntArray
    from solutions.fraud.features import Facts

Tensors = tuple[torch.Tensor, ...]
FEWEST_STEPS = 40  # of an epoch; a small file is learnt from in smaller batches
HARD = 3  # hard genuine payments for each fraud
EDGES = 9  # between which a feature is told to the network in pieces
FEWEST_EASY = 30_000  # genuine payments; fewer than these are not thinned out


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows to learn from; `weight` makes up for the easy genuine ones that were left out."""

    rows: IntArray
    label: FloatArray
    weight: FloatArray


def train(data: Split, options: FraudOptions, run: Run, out: Path) -> Trained:
    """Learn, write a bundle into `out`, and measure it. See `Solution.train`."""
    seed_all(run.seed)
    privacy = privacy_of(options)
    run.stage("features")
    facts_of = FactsOf(options.label_delay)
    facts = facts_of(data.train.frame, run)
    valid = labelled_rows(facts, data.valid)
    run.stage("baseline")
    rows = rows_to_learn_from(facts, data.train)
    sample = (hard_sample if privacy is None else plain_sample)(facts, rows, options, run)
    trees = grow(facts, sample, run, baseline.ROUNDS)
    run.stage("network")
    near_valid = Neighbourhoods.of(facts, valid, options.neighbours)
    network = build_network(facts, sample, trees, options)
    steps = private_steps(privacy, sample, options)
    history = fit_network(network, facts, sample, near_valid, options, run, steps=steps)
    leave_unless_first()
    run.stage("choosing")
    chosen = choose(facts, valid, network_scores(network, near_valid), trees, options)
    run.log(f"Epoch {history.best_epoch} was best. Shipped: {chosen.shipped}.")
    run.stage("export")
    parity = write_model(network, near_valid, out)
    write_rest(facts, sample, trees, chosen, data, options, out=out)
    run.stage("measuring")
    predictor = FraudPredictor(out, "cpu", facts_of, trees if options.private else None)
    metrics = measure(predictor, data.test, run)
    extra = {"validation": chosen.figures, "best_epoch": history.best_epoch, "parity": parity}
    if steps is not None:
        extra |= {"privacy": steps.card(unit=private.UNIT, not_covered=private.NOT_COVERED)}
    write_card(
        out,
        data=data,
        options=options,
        shipped=chosen.shipped,
        metrics=metrics,
        seed=run.seed,
        extra=extra,
    )
    return Trained(out, {name: value for name, value in metrics.items() if np.isfinite(value)})


def labelled_rows(facts: Facts, batch: TableBatch) -> IntArray:
    """Return the rows of a batch that have a label."""
    known: IntArray = np.flatnonzero(facts.ledger.known[batch.start : batch.end])
    return known + batch.start


def rows_to_learn_from(facts: Facts, batch: TableBatch) -> IntArray:
    """Leave out the first days of a file, when nothing is known of anybody yet."""
    rows = labelled_rows(facts, batch)
    time = facts.ledger.time[rows]
    span = int(time.max() - facts.ledger.time.min())
    warm = facts.ledger.time.min() + min(facts.delay + 7 * DAY, span // 5)
    kept: IntArray = rows[time >= warm]
    if not facts.ledger.fraud[kept].any():
        message = (
            "The part to learn from must hold frauds after its first days. Got none. "
            "Give a longer file."
        )
        raise DataError(Issue("too_few_frauds", message, column="is_fraud"))
    return kept


def hard_sample(facts: Facts, rows: IntArray, options: FraudOptions, run: Run) -> Sample:
    """Let a few scouting trees find the genuine payments that look worst, and keep those all."""
    nothing = np.zeros(len(rows), dtype=np.bool_)
    easy = thin_out(facts, rows, nothing, options, generator(run.seed, "thin out"))
    scouts = grow(facts, easy, run, baseline.SCOUTS)
    suspicion = baseline.log_odds(scouts, facts.table[rows])
    suspicion[facts.ledger.fraud[rows] > 0] = -np.inf
    n_hard = min(HARD * int(facts.ledger.fraud[rows].sum()), len(rows) // 10)
    hard = nothing.copy()
    hard[np.argsort(-suspicion, kind="stable")[:n_hard]] = True
    return thin_out(facts, rows, hard, options, generator(run.seed, "thin out"))


def plain_sample(facts: Facts, rows: IntArray, options: FraudOptions, run: Run) -> Sample:
    """Keep rows by their own label and a coin of their own that nobody knows.

    Draws from a seed that is known go by position: with one payment less, each later one would
    have another coin, and the promised epsilon would not hold. With unknown coins nobody can
    tell, so a private sample cannot be repeated from the seed.
    """
    nothing = np.zeros(len(rows), dtype=np.bool_)
    return thin_out(facts, rows, nothing, options, private.unknown_coins(run.checkpoint("coins")))


def grow(facts: Facts, sample: Sample, run: Run, rounds: int) -> xgb.Booster:
    """Grow the baseline's trees on a sample."""
    return baseline.fit(
        facts.table[sample.rows],
        sample.label,
        sample.weight,
        run=run,
        threads=torch.get_num_threads(),
        rounds=rounds,
    )


def thin_out(
    facts: Facts, rows: IntArray, hard: BoolArray, options: FraudOptions, coins: Generator
) -> Sample:
    """Keep all frauds and hard rows, and a share of the easy ones with more weight each."""
    label = facts.ledger.fraud[rows]
    always = hard | (label > 0)
    share = min(1.0, max(options.easy_share, FEWEST_EASY / max(1, len(rows))))
    lucky = coins.uniform(size=len(rows)) < share
    kept = always | lucky
    weight = np.where(always, 1.0, 1.0 / share)
    return Sample(rows[kept], label[kept], weight[kept])


def build_network(
    facts: Facts, sample: Sample, trees: xgb.Booster, options: FraudOptions
) -> FraudNetwork:
    """Make a network that reads features at the scale of the sample and the splits of the trees."""
    table = facts.table[sample.rows]
    scale = Scale(
        mean=torch.from_numpy(table.mean(axis=0)),
        spread=torch.from_numpy(np.maximum(table.std(axis=0), 1e-3)),
        edges=torch.from_numpy(
            private.quantiles(table, EDGES)
            if options.private
            else baseline.edges(trees, table.shape[1], EDGES)
        ),
    )
    return FraudNetwork(
        scale,
        sizes=(len(CARD_COLUMNS), len(TERMINAL_COLUMNS)),
        hidden=options.hidden - options.hidden % 4,
    )


def private_steps(
    privacy: Privacy | None, sample: Sample, options: FraudOptions
) -> PrivateSteps | None:
    """Plan private steps over a sample, if it shall be learnt from privately."""
    if privacy is None:
        return None
    n = len(sample.rows)
    return privacy.plan(n, batch_size=step_size(n, options), epochs=options.epochs)


def step_size(n: int, options: FraudOptions) -> int:
    """Return how many payments a step takes; a small file is learnt from in smaller ones."""
    return min(options.batch_size, max(16, n // FEWEST_STEPS))


def fit_network(  # noqa: PLR0913  what learns, from what, and how
    network: FraudNetwork,
    facts: Facts,
    sample: Sample,
    near_valid: Neighbourhoods,
    options: FraudOptions,
    run: Run,
    *,
    steps: PrivateSteps | None = None,
) -> History:
    """Run the training loop; the epoch with the best average precision is kept."""
    near = Neighbourhoods.of(facts, sample.rows, options.neighbours)
    n = len(sample.rows)
    size = step_size(n, options)

    def batches(epoch: int) -> Iterator[Tensors]:
        order = generator(run.seed, "batches", epoch).permutation(n)
        parts = (mine(order[start : start + size]) for start in range(0, n, size))
        for picked in parts if steps is None else steps.draws():
            yield _tensors(near, sample, picked)

    def validate(module: FraudNetwork) -> Mapping[str, float]:
        score = network_scores(module, near_valid)
        return {"valid_ap": average_precision(facts.ledger.fraud[near_valid.rows], score)}

    return fit(
        network,
        batches,
        _loss,
        run=run,
        options=options.fit_options(
            epochs=options.epochs, lr=options.learning_rate, minutes=options.max_minutes
        ),
        steps_per_epoch=-(-n // size) if steps is None else steps.steps_per_epoch,
        validate=validate,
        monitor="valid_ap",
        checkpoint=run.checkpoint("network"),
        weigh=lambda batch: len(batch[0]),
        privacy=steps,
    )


def _tensors(near: Neighbourhoods, sample: Sample, picked: IntArray) -> Tensors:
    card, terminal = near.edges(picked)
    arrays = (
        near.facts.table[near.rows[picked]],
        card,
        terminal,
        sample.label[picked].astype(np.float32),
        sample.weight[picked].astype(np.float32),
    )
    return tuple(torch.from_numpy(array) for array in arrays)


def _loss(network: FraudNetwork, batch: Tensors) -> torch.Tensor:
    features, card, terminal, label, weight = batch
    return torch.nn.functional.binary_cross_entropy_with_logits(
        network(features, card, terminal), label, weight=weight
    )


def network_scores(network: FraudNetwork, near: Neighbourhoods) -> Float32Array:
    """Score all targets with the network in torch. Shapes: m targets -> (m,)."""
    network.eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(near.rows), 4096):
            chosen = slice(start, start + 4096)
            card, terminal = near.edges(chosen)
            table = near.facts.table[near.rows[chosen]]
            parts.append(network(*map(torch.from_numpy, (table, card, terminal))).numpy())
    return np.concatenate(parts)


def write_model(network: FraudNetwork, near: Neighbourhoods, out: Path) -> float:
    """Write network and weights, prove that both give the same, and return how nearly."""
    some = slice(0, min(256, len(near.rows)))
    card, terminal = near.edges(some)
    examples = {
        "features": torch.from_numpy(near.facts.table[near.rows[some]]),
        "card": torch.from_numpy(card),
        "terminal": torch.from_numpy(terminal),
    }
    path = to_onnx(network, examples, out / bundle.NETWORK, outputs=["log_odds"])
    parity = compare(network, path, examples, atol=1e-3)
    save_file(network.state_dict(), out / bundle.WEIGHTS)
    return parity


def write_rest(  # noqa: PLR0913  all that was found
    facts: Facts,
    sample: Sample,
    trees: xgb.Booster,
    chosen: Chosen,
    data: Split,
    options: FraudOptions,
    *,
    out: Path,
) -> None:
    """Write what scoring needs beside the network; of a private one nothing that knows payments."""
    if not options.private:
        baseline.save(trees, out / bundle.BASELINE)
        seen_payments(facts, data).save(out)
        preparation(facts, sample, chosen, options).save(out)
        return
    bundle.SeenPayments(np.zeros(0, dtype=np.uint32)).save(out)
    until = int(facts.ledger.time[: data.valid.end].max()) + 1
    prepared = preparation(facts, sample, chosen, options)
    prepared.model_copy(update={"seen_until": until}).save(out)


def preparation(
    facts: Facts, sample: Sample, chosen: Chosen, options: FraudOptions
) -> bundle.Preparation:
    """Gather what scoring needs besides weights."""
    genuine = facts.table[sample.rows[sample.label == 0]]
    return bundle.Preparation(
        label_delay=options.label_delay,
        neighbours=options.neighbours,
        shipped=chosen.shipped,
        calibration=chosen.calibration.to_json(),
        threshold=chosen.threshold,
        fpr_thresholds=chosen.fpr_thresholds,
        typical=tuple(float(value) for value in np.median(genuine, axis=0)),
        review_cost=options.review_cost,
        recovered_share=options.recovered_share,
        alerts_per_day=options.alerts_per_day,
    )


def seen_payments(facts: Facts, data: Split) -> bundle.SeenPayments:
    """Note all payments up to the end of validation: learnt from, or known while choosing."""
    until = slice(0, data.valid.end)
    return bundle.SeenPayments.of(facts.ledger.time[until], facts.ledger.amount[until])


def measure(predictor: FraudPredictor, test: TableBatch, run: Run) -> dict[str, float]:
    """Measure what was shipped, and the baseline beside it, on the test part."""
    predictions = predictor.predict(test, run)
    found = figures(predictions, test) | intervals(judged(predictions, test), run.seed)
    beside = Judged.of(predictor.baseline(test, run), test)
    ranked = ranking(beside) | intervals(beside, run.seed)
    return found | {f"baseline_{name}": value for name, value in ranked.items()}
