"""The training loop: one function to read from top to bottom, and its state."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from ml_core.errors import CancelledError, ConfigError, ModelError
from ml_core.tracking.run import CANCELLED, Run
from ml_core.train import checkpoint as files
from ml_core.train import group
from ml_core.train.mean import RunningMean
from ml_core.train.options import FitOptions as FitOptions  # noqa: PLC0414  this door's
from ml_core.train.private import Private
from ml_core.train.schedule import rate_share as rate_share  # noqa: PLC0414
from ml_core.train.strategy import begin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ml_core.security.privacy import PrivateSteps
    from ml_core.train.strategy import Learning

B = TypeVar("B")
M = TypeVar("M", bound=torch.nn.Module)
CURVE_POINTS = 200  # enough for a smooth line, few enough for a page


@dataclass(slots=True)
class History:
    """What happened: figures of each epoch, which was the best, and why it ended.

    `curve` has some steps and their losses.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_value: float | None = None
    seconds: float = 0.0
    stopped: str = ""
    curve: list[tuple[int, float]] = field(default_factory=list)

    def tell(self, run: Run) -> None:
        """Say all figures once more, to a run that has not heard them."""
        for step, loss in self.curve:
            run.metric("batch_loss", loss, step)
        for epoch, figures in enumerate(self.epochs, start=1):
            for name, value in figures.items():
                run.metric(name, value, epoch)


def fit(  # noqa: PLR0913  what is learnt, from what, and how: each is one thing
    module: M,
    batches: Callable[[int], Iterable[B]],
    step: Callable[[M, B], torch.Tensor],
    *,
    run: Run,
    options: FitOptions,
    steps_per_epoch: int,
    validate: Callable[[M], Mapping[str, float]] | None = None,
    monitor: str | None = None,
    checkpoint: Path | None = None,
    weigh: Callable[[B], float] | None = None,
    privacy: PrivateSteps | None = None,
) -> History:
    """Train `module` with AdamW and leave the best weights in it.

    `batches(epoch)` yields the `steps_per_epoch` batches of an epoch, counted from 0; to resume
    exactly it must take its order from the epoch alone. `step(module, batch)` returns the mean
    loss of a batch, and `weigh(batch)` over how many rows that mean is, which counts where
    several batches make a step. With a file in `checkpoint` the state is kept after each epoch,
    and a training that finds the file goes on from there, and says again what was said before.
    Without `monitor` the last epoch is the best. With `privacy` each batch is one of its `draws`,
    and `step` is called with single units.

    Where several ranks train together, each calls this with its share of the same batches
    (`group.mine`); the first validates, keeps and speaks, and all end with the best weights.

    Raises: CancelledError: within one step of being asked. ModelError: if the loss is no number.
        ConfigError: if the checkpoint is of other options or of another network.
    """
    state = _State(module, step, options, steps_per_epoch, privacy)
    weigh = _one if privacy or weigh is None else weigh  # a private draw may have no rows
    state.go_on_from(checkpoint, run)
    while not state.finished():
        epoch = len(state.history.epochs)
        figures = {"loss": state.train_epoch(batches(epoch), weigh, run)}
        _stop_together(run)
        candidate = state.candidate()
        if validate is not None and group.is_first():
            figures |= _validated(candidate, validate)
        figures = state.keep(figures, monitor)
        for name, value in figures.items():
            run.metric(name, value, epoch + 1)
        if checkpoint is not None:
            state.save(checkpoint)
    state.finish()
    return state.history


class _State:
    """All that changes while a module is trained, and that a checkpoint must hold."""

    def __init__(
        self,
        module: torch.nn.Module,
        step: Callable[[Any, Any], torch.Tensor],
        options: FitOptions,
        n_batches: int,
        privacy: PrivateSteps | None,
    ) -> None:
        group.make_same(module.state_dict().values())
        if group.rank():
            torch.manual_seed(torch.initial_seed() + group.rank())  # each drops out its own
        self.options, self.n_batches = options, n_batches
        self.learning: Learning
        if privacy is None:
            self.learning, self.promise = begin(module, step, options), []
        else:
            self.learning = Private(module, step, options, privacy)
            self.promise = [privacy.rate, privacy.noise_multiplier]
        self.module = module
        in_place = self.learning.learner is module
        # What is validated: the network itself, or a copy that takes the weights to be validated.
        self.shown = copy.deepcopy(module) if in_place and options.ema_decay else module
        weights = self.learning.weights()
        self.mean = RunningMean(weights, options.ema_decay) if options.ema_decay else None
        self.best: dict[str, torch.Tensor] = {}
        self.history = History()
        self.n_steps = 0
        self.n_planned = self.n_wanted = options.epochs * -(-n_batches // options.accumulate)
        self.began = time.monotonic()

    def finished(self) -> bool:
        """Tell whether to stop, and note why."""
        done = len(self.history.epochs)
        options = self.options
        (late,) = group.total([self.out_of_time()])
        if done >= options.epochs:
            self.history.stopped = "epochs"
        elif done and late:
            self.history.stopped = "time"
        elif options.patience and done - self.history.best_epoch >= options.patience:
            self.history.stopped = "patience"
        return bool(self.history.stopped)

    def out_of_time(self) -> bool:
        return 0 < self.options.max_seconds <= time.monotonic() - self.began

    def train_epoch(self, batches: Iterable[B], weigh: Callable[[B], float], run: Run) -> float:
        """Learn from each batch once and return the mean loss."""
        self.learning.learner.train()
        losses: list[float] = []
        for part in _grouped(batches, self.options.accumulate):
            weights = [weigh(batch) for batch in part]
            wishes = [run.cancelled(), bool(losses) and self.out_of_time()]
            stop, late, n_rows = group.total([*wishes, sum(weights)])
            if stop:
                raise CancelledError(CANCELLED)
            if late:
                break
            shares = [weight / n_rows for weight in weights]
            losses.append(self.train_step(part, shares))
            self._say(losses[-1], run)
        if not losses:
            message = "An epoch must have at least one batch. Got none. Give more training rows."
            raise ConfigError(message)
        return math.fsum(losses) / len(losses)

    def train_step(self, part: Sequence[Any], shares: Sequence[float]) -> float:
        """Take one step down the gradient of some batches and return their mean loss."""
        options, n_ranks = self.options, group.n_ranks()
        share = rate_share(self.n_steps, self.n_planned, options.warmup_fraction, options.schedule)
        self.learning.begin_step(options.lr * share)
        loss = 0.0
        for index, (batch, share) in enumerate(zip(part, shares, strict=True), start=1):
            # Strategies take the mean over ranks, and each rank's share is one of the whole.
            found = self.learning.learn(batch, share * n_ranks, last=index == len(part))
            loss += share * found
        (loss,) = group.total([loss])
        if not math.isfinite(loss):
            message = (
                f"The loss must be a number. Got {loss} at step {self.n_steps + 1}. "
                "Check the inputs for missing or huge values, or lower the learning rate."
            )
            raise ModelError(message)
        self.learning.end_step()
        if self.mean is not None:
            self.mean.update(self.learning.weights())
        self.n_steps += 1
        return loss

    def candidate(self) -> torch.nn.Module:
        """Return the network that is validated and kept, with its weights in it."""
        if self.shown is not self.learning.learner:
            now = self.learning.weights() if self.mean is None else self.mean.tensors
            whole = self.learning.whole(now)
            if group.is_first():
                self.shown.load_state_dict(whole)
        return self.shown

    def keep(self, figures: Mapping[str, float], monitor: str | None) -> dict[str, float]:
        """Note the epoch, and its weights when they are the best so far; return its figures."""
        history = self.history
        told: Any = group.told([dict(figures), time.monotonic() - self.began])
        figures, history.seconds = told
        history.epochs.append(dict(figures))
        self._plan_ahead()
        value = None if monitor is None else _monitored(figures, monitor)
        if self._is_better(value):
            history.best_epoch, history.best_value = len(history.epochs), value
            if group.is_first():
                state = self.shown.state_dict()
                self.best = {name: tensor.detach().clone() for name, tensor in state.items()}
        return dict(figures)

    def finish(self) -> None:
        """Leave the best weights in the module, on all ranks."""
        if group.is_first():
            self.module.load_state_dict(self.best)
        group.make_same(self.module.state_dict().values())

    def save(self, path: Path) -> None:
        """Keep all that a resumed training needs; ranks gather it, and the first writes."""
        tensors = files.random_state()
        tensors |= _prefixed("model.", self.learning.whole(self.learning.weights()))
        tensors |= _prefixed("best.", self.best)
        remembered, facts = self.learning.memory()
        tensors |= _prefixed("optimizer.", remembered)
        if self.mean is not None:
            tensors |= _prefixed("mean.", self.learning.whole(self.mean.tensors))
            facts["n_averaged"] = self.mean.n_averaged
        facts |= {"plan": self._plan(), "n_steps": self.n_steps, "history": asdict(self.history)}
        if group.is_first():
            files.save(files.Checkpoint(tensors, facts), path)

    def go_on_from(self, path: Path | None, run: Run) -> None:
        """Go back to what `save` kept, if it kept anything."""
        found = path is not None and group.is_first() and path.exists()
        saved = files.spread(files.load(path) if found and path is not None else None)
        if saved is not None:
            self.restore(saved)
            self.history.tell(run)
            run.log(f"Going on after epoch {len(self.history.epochs)} of {self.options.epochs}.")

    def restore(self, saved: files.Checkpoint) -> None:
        """Go back to a snapshot of the same plan."""
        self._require_same(saved)
        facts, learning = saved.facts, self.learning
        self.history = History(**facts["history"])
        self.n_steps = facts["n_steps"]
        self.began = time.monotonic() - self.history.seconds
        self._plan_ahead()
        learning.take(saved.part("model."), learning.weights())
        self.best = saved.part("best.")
        learning.recall(saved.part("optimizer."), facts)
        if self.mean is not None:
            learning.take(saved.part("mean."), self.mean.tensors)
            self.mean.n_averaged = facts["n_averaged"]
        files.restore_random_state(saved.tensors)

    def _require_same(self, saved: files.Checkpoint) -> None:
        whole = {name: tensor.shape for name, tensor in saved.part("model.").items()}
        here = {name: tensor.shape for name, tensor in self.learning.weights().items()}
        for what, same in (
            ("options as the training", _said(saved.facts["plan"]) == _said(self._plan())),
            ("network", whole == here),
        ):
            if not same:
                message = (
                    f"A checkpoint must be of the same {what}. Got one of another. "
                    "Delete it to start anew."
                )
                raise ConfigError(message)

    def _plan(self) -> dict[str, Any]:
        return {
            "options": asdict(self.options),
            "steps_per_epoch": self.n_batches,
            "n_ranks": group.n_ranks(),
            "privacy": self.promise,
        }

    def _is_better(self, value: float | None) -> bool:
        best = self.history.best_value
        if value is None or best is None or math.isnan(best):
            return True
        return value > best if self.options.higher_is_better else value < best

    def _plan_ahead(self) -> None:
        """Count the steps that there is time for.

        Asked between epochs alone, so that all is the same again where time does not matter.
        """
        if self.options.max_seconds and self.history.seconds > 0:
            possible = self.n_steps * self.options.max_seconds / self.history.seconds
            self.n_planned = min(self.n_wanted, int(possible))

    def _say(self, loss: float, run: Run) -> None:
        total = self.n_planned
        run.progress(min(self.n_steps, total), total, "steps")
        if self.n_steps % max(1, total // CURVE_POINTS) == 0:
            self.history.curve.append((self.n_steps, loss))
            run.metric("batch_loss", loss, self.n_steps)


def _said(plan: dict[str, Any]) -> dict[str, Any]:
    """Leave out options at their default: an older checkpoint cannot name those that are newer."""
    usual = asdict(FitOptions())
    options = {k: v for k, v in plan["options"].items() if k not in usual or v != usual[k]}
    return plan | {"options": options}


def _one(_: Any) -> float:
    return 1.0


def _grouped(batches: Iterable[B], size: int) -> Iterator[list[B]]:
    rest = iter(batches)
    while part := list(islice(rest, size)):
        yield part


def _stop_together(run: Run) -> None:
    if group.total([run.cancelled()])[0]:
        raise CancelledError(CANCELLED)


def _validated(
    module: torch.nn.Module, validate: Callable[[Any], Mapping[str, float]]
) -> Mapping[str, float]:
    module.eval()
    with torch.no_grad():
        return {name: float(value) for name, value in validate(module).items()}


def _monitored(figures: Mapping[str, float], monitor: str) -> float:
    if monitor not in figures:
        message = (
            f"The monitored figure must be one that is measured. Got {monitor!r}. "
            f"Use one of {', '.join(figures)}."
        )
        raise ConfigError(message)
    return figures[monitor]


def _prefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}
