"""Loaded models with their batchers: what the model process does, whoever asks it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psutil
import structlog
from django.db import close_old_connections

from apps.answers.limits import limits_of, memory_budget, require_limits
from apps.answers.rows import batch_of
from apps.answers.wire import Question, Said
from apps.catalog.services import solution as find_solution
from apps.experiments.services import read_options
from apps.registry.models import ModelVersion, Stage
from apps.registry.services import materialise
from ml_core.errors import ModelError
from ml_core.plain import plain
from ml_core.runtime.batching import Batcher
from ml_core.runtime.hosting import ModelHost
from ml_core.runtime.turns import Turns
from solutions.joining import join

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ml_core.runtime.waiting import Limits
    from solutions.api import Options, Predictor, Solution, TableBatch

AT_HAND, IN_BULK = 1, 0  # priorities: a person waits for the one, a list for the other
_BESIDE = 64 * 2**20  # bytes that loading may take beside the files, at most
_log = structlog.get_logger("assay.answers")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model as a key: another signature is another model."""

    pk: str
    signature: str
    row: ModelVersion = field(compare=False, hash=False)

    @classmethod
    def of(cls, model: ModelVersion) -> Wanted:
        """Return the key of a row."""
        return cls(str(model.pk), model.signature, model)


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked row and the settings under which it is asked."""

    batch: TableBatch
    settings: Options


class Served:
    """A loaded model; its batcher puts rows of the same settings together."""

    def __init__(
        self, solution: Solution[Any], predictor: Predictor, limits: Limits, turns: Turns
    ) -> None:
        self.solution, self.predictor = solution, predictor
        # Where nobody knows what ties rows together, each goes by itself.
        one_by_one = solution.ties is None
        self.limits = replace(limits, max_batch_size=1) if one_by_one else limits
        self.batcher: Batcher[Asked, Said] = Batcher(self._answer, self.limits, turns=turns)

    @property
    def provider(self) -> str:
        """What really runs its network; empty where the predictor does not tell."""
        return str(getattr(getattr(self.predictor, "session", None), "provider", ""))

    def _answer(self, asked: Sequence[Asked]) -> list[Said]:
        started = time.perf_counter()
        joined = None
        batch, chosen = asked[0].batch, asked[0].settings
        if len(asked) > 1:
            joined = join(
                [a.batch for a in asked], self.solution.inputs(), self.solution.ties or ()
            )
            batch = joined.batch
        predictions = self.predictor.predict(batch, settings=chosen)
        rows = list(range(len(asked)))
        reports = self.solution.explain(self.predictor, rows, batch, settings=chosen)
        seconds = time.perf_counter() - started
        told = [
            (plain(predictions.frame.row(row, named=True)),
             plain(reports[row].to_json()) if row in reports else [])
            for row in rows
        ]  # fmt: skip
        if joined is not None:
            told = [(joined.plain(output), joined.plain(report)) for output, report in told]
        return [Said(output, report, seconds) for output, report in told]


class Serving:
    """All models of a process: loaded when asked for, within the memory that they may take.

    `loaded` is called after each model that was loaded.
    """

    def __init__(self, loaded: Callable[[], None] = lambda: None) -> None:
        require_limits()
        self._loaded = loaded
        self._turns = Turns()
        self._sizes: dict[Wanted, int] = {}
        self.host: ModelHost[Wanted, Served] = ModelHost(
            self._load, self._expected, memory_budget(), lambda served: served.batcher.close()
        )

    def answer(self, question: Question) -> Said:
        """Answer one row, together with others that are asked at the same time.

        Raises: DataError: if the row breaks a rule. ModelError: if the model cannot be used.
            ConfigError: if the settings are not the solution's. BusyError: if there is no room.
        """
        model = ModelVersion.objects.filter(pk=question.model).first()
        if model is None:
            message = "The model must exist. It does not. Choose another."
            raise ModelError(message)
        solution = find_solution(model.solution)
        chosen = solution.settings(**read_options(solution.settings, question.settings))
        asked = Asked(batch_of(solution, question.row, question.files), chosen)
        priority = IN_BULK if question.is_bulk else AT_HAND
        with self.host.use(Wanted.of(model)) as served:
            return served.batcher.ask(asked, group=chosen.model_dump_json(), priority=priority)

    def warm(self) -> None:
        """Load the live models, the newest first, and let them be put away last."""
        close_old_connections()
        live = [Wanted.of(m) for m in ModelVersion.objects.filter(stage=Stage.LIVE)
                .order_by("-promoted_at").iterator()]  # fmt: skip
        self.host.pin(live)
        held, room = self.host.held(), self.host.memory_budget - self.host.used_bytes
        for wanted in live:
            if wanted in held or (room := room - self._expected(wanted)) < 0:
                continue
            try:
                with self.host.use(wanted):
                    pass
            except Exception:  # noqa: BLE001  it will be told to whoever asks
                _log.warning("a live model could not be loaded", model=wanted.pk)
        close_old_connections()

    def look(self) -> dict[str, Any]:
        """Return what is held, and how each model does."""
        held = self.host.held()
        serving = [
            {
                "model": wanted.pk,
                "solution": served.solution.slug,
                "provider": served.provider,
                "max_batch_size": served.limits.max_batch_size,
                "latency_budget_ms": served.limits.latency_budget_ms,
                **asdict(served.batcher.figures()),
            }
            for wanted, served in held.items()
        ]
        return {
            "models": [wanted.pk for wanted in held],
            "serving": serving,
            "models_mb": round(self.host.used_bytes / 2**20, 1),
            "budget_mb": round(self.host.memory_budget / 2**20, 1),
        }

    def close(self) -> None:
        """Answer who waits, and take nobody else."""
        self.host.close()

    def _load(self, wanted: Wanted) -> tuple[Served, int]:
        model = wanted.row
        before = psutil.Process().memory_info().rss
        solution = find_solution(model.solution)
        predictor = solution.load(materialise(model))
        grown = psutil.Process().memory_info().rss - before
        # The first one brings its libraries along, which are not its own.
        size = max(model.size_bytes, min(grown, 4 * model.size_bytes + _BESIDE))
        self._sizes[wanted] = size
        self._loaded()
        return Served(solution, predictor, limits_of(model.solution), self._turns), size

    def _expected(self, wanted: Wanted) -> int:
        return self._sizes.get(wanted, wanted.row.size_bytes)
