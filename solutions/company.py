"""The check of the kit that strangers may share a batch, where a solution says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ml_core.plain import plain
from solutions.joining import join
from solutions.testing import expect

if TYPE_CHECKING:
    from solutions.api import TableBatch
    from solutions.testing import Trial

CLOSE = 1e-6
N_ROWS = 4


def strangers_change_nothing(trial: Trial) -> None:
    """Rows that are asked about together get the answers that each gets alone."""
    ties = trial.solution.ties
    if ties is None:
        return
    rows = [trial.batch.over(trial.frame.slice(row, 1)) for row in range(N_ROWS)]
    # The last is asked about twice: whoever counts what came before would count the other.
    rows.append(rows[-1])
    joined = join(rows, trial.solution.inputs(), ties)
    together = trial.predictor.predict(joined.batch).frame
    for number, row in enumerate(rows):
        alone = trial.predictor.predict(row).frame
        apart = abs(float(alone["score"][0]) - float(together["score"][number]))
        expect(
            apart <= CLOSE and alone["label"][0] == together["label"][number],
            f"A row among strangers must get the answer that it gets alone. Got {apart} apart. "
            "Name in `ties` the columns that tie rows together, or let `ties` be None.",
        )
    reports = trial.solution.explain(trial.predictor, list(range(len(rows))), joined.batch)
    for number, row in enumerate(rows):
        expect(
            _kinds(reports, number) == _kinds(_explained(trial, row), 0),
            "A row among strangers must be explained as it is alone. Got other blocks. "
            "Let `ties` be None.",
        )


def _explained(trial: Trial, row: TableBatch) -> Any:
    return trial.solution.explain(trial.predictor, [0], row)


def _kinds(reports: Any, row: int) -> str:
    blocks = plain(reports[row].to_json()) if row in reports else []
    return json.dumps([block["kind"] for block in blocks])
