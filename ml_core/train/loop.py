"""The training loop: one function to read from top to bottom, and its state."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch.optim.swa_utils import AveragedModel

from ml_core.errors import ConfigError, ModelError
from ml_core.tracking.run import Run, stop_if_cancelled
from ml_core.train import checkpoint as files
from ml_core.train.precision import Precision, autocast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

B = TypeVar("B")
M = TypeVar("M", bound=torch.nn.Module)
CURVE_POINTS = 200  # enough for a smooth line, few enough for a page


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to train. A zero switches a thing off.

    `warmup_fraction` of all steps raises the rate from zero to `lr`; a cosine lowers it to zero.
    `ema_decay` is the share of the old in the running mean of the weights, which is what is
    validated and kept. `patience` counts epochs without a better monitored figure. Where
    `max_seconds` will end it before all `epochs`, the rate falls to zero by then instead.
    """

    epochs: int = 10
    lr: float = 1e-3
    weight_decay: float = 1e-2
    warmup_fraction: float = 0.05
    clip_norm: float = 1.0
    ema_decay: float = 0.0
    patience: int = 0
    max_seconds: float = 0.0
    precision: Precision = "fp32"
    higher_is_better: bool = True


@dataclass(slots=True)
class History:
    """What happened: figures of each epoch, which was the best, and why it ended."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_value: float | None = None
    seconds: float = 0.0
    stopped: str = ""


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
) -> History:
    """Train `module` with AdamW and leave the best weights in it.

    `batches(epoch)` yields the batches of an epoch, counted from 0; to resume exactly it must
    take its order from the epoch alone. `step(module, batch)` returns the loss. With a file
    in `checkpoint` the state is kept after each epoch, and a training that finds the file goes
    on from there. Without `monitor` the last epoch is the best.

    Raises: CancelledError: within one step of being asked. ModelError: if the loss is no number.
        ConfigError: if the checkpoint is of other options.
    """
    state = _State(module, options, steps_per_epoch)
    if checkpoint is not None and checkpoint.exists():
        state.restore(files.load(checkpoint))
        run.log(f"Going on after epoch {len(state.history.epochs)} of {options.epochs}.")
    while not state.finished():
        epoch = len(state.history.epochs)
        figures = {"loss": state.train_epoch(batches(epoch), step, run)}
        stop_if_cancelled(run)
        if validate is not None:
            figures |= _validated(state.candidate(), validate)
        state.keep(figures, monitor)
        for name, value in figures.items():
            run.metric(name, value, epoch + 1)
        if checkpoint is not None:
            files.save(state.snapshot(), checkpoint)
    module.load_state_dict(state.best)
    return state.history


class _State:
    """All that changes while a module is trained, and that a checkpoint must hold."""

    def __init__(self, module: torch.nn.Module, options: FitOptions, steps: int) -> None:
        self.module, self.options, self.steps_per_epoch = module, options, steps
        self.device = next(module.parameters()).device
        self.optimizer = torch.optim.AdamW(_decayed(module, options.weight_decay), lr=options.lr)
        # Norms keep means of their own: those of the moment would not suit the mean of the weights.
        self.mean = (
            AveragedModel(module, avg_fn=_mean_of(options), use_buffers=True)
            if options.ema_decay
            else None
        )
        self.best: dict[str, torch.Tensor] = {}
        self.history = History()
        self.n_steps = 0
        self.n_planned = options.epochs * steps
        self.began = time.monotonic()

    def finished(self) -> bool:
        """Tell whether to stop, and note why."""
        done = len(self.history.epochs)
        options = self.options
        if done >= options.epochs:
            self.history.stopped = "epochs"
        elif done and self.out_of_time():
            self.history.stopped = "time"
        elif options.patience and done - self.history.best_epoch >= options.patience:
            self.history.stopped = "patience"
        return bool(self.history.stopped)

    def out_of_time(self) -> bool:
        return 0 < self.options.max_seconds <= time.monotonic() - self.began

    def train_epoch(
        self, batches: Iterable[B], step: Callable[[Any, B], torch.Tensor], run: Run
    ) -> float:
        """Learn from each batch once and return the mean loss."""
        self.module.train()
        total = self.n_planned
        losses: list[float] = []
        for batch in batches:
            stop_if_cancelled(run)
            if losses and self.out_of_time():
                break
            losses.append(self.train_step(batch, step))
            done = min(self.n_steps, total)
            run.progress(done, total, "steps")
            if self.n_steps % max(1, total // CURVE_POINTS) == 0:
                run.metric("batch_loss", losses[-1], self.n_steps)
        if not losses:
            message = "An epoch must have at least one batch. Got none. Give more training rows."
            raise ConfigError(message)
        return math.fsum(losses) / len(losses)

    def train_step(self, batch: B, step: Callable[[Any, B], torch.Tensor]) -> float:
        """Take one step down the gradient and return the loss."""
        self._set_rate()
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device, self.options.precision):
            loss = step(self.module, batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            message = (
                f"The loss must be a number. Got {value} at step {self.n_steps + 1}. "
                "Check the inputs for missing or huge values, or lower the learning rate."
            )
            raise ModelError(message)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.options.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.options.clip_norm)
        self.optimizer.step()
        if self.mean is not None:
            self.mean.update_parameters(self.module)
        self.n_steps += 1
        return value

    def candidate(self) -> torch.nn.Module:
        """Return the network that is validated and kept."""
        return self.module if self.mean is None else self.mean.module

    def keep(self, figures: Mapping[str, float], monitor: str | None) -> None:
        """Note the epoch, and its weights when they are the best so far."""
        history = self.history
        history.epochs.append(dict(figures))
        history.seconds = time.monotonic() - self.began
        self._plan_ahead()
        value = None if monitor is None else _monitored(figures, monitor)
        if self._is_better(value):
            history.best_epoch, history.best_value = len(history.epochs), value
            self.best = {
                name: tensor.detach().clone()
                for name, tensor in self.candidate().state_dict().items()
            }

    def snapshot(self) -> files.Checkpoint:
        """Take all that a resumed training needs."""
        tensors = files.random_state()
        tensors |= _prefixed("model.", self.module.state_dict())
        tensors |= _prefixed("best.", self.best)
        tensors |= _prefixed("optimizer.", files.optimizer_tensors(self.optimizer))
        if self.mean is not None:
            tensors |= _prefixed("mean.", self.mean.state_dict())
        facts = {"n_steps": self.n_steps, "history": asdict(self.history)}
        return files.Checkpoint(tensors, {"plan": self._plan(), **facts})

    def restore(self, saved: files.Checkpoint) -> None:
        """Go back to a snapshot of the same plan."""
        if saved.facts["plan"] != self._plan():
            message = (
                "A checkpoint must be of the same options as the training. Got one of others. "
                "Delete it to start anew."
            )
            raise ConfigError(message)
        self.history = History(**saved.facts["history"])
        self.n_steps = saved.facts["n_steps"]
        self.began = time.monotonic() - self.history.seconds
        self._plan_ahead()
        self.module.load_state_dict(saved.part("model."))
        self.best = saved.part("best.")
        files.restore_optimizer(self.optimizer, saved.part("optimizer."))
        if self.mean is not None:
            self.mean.load_state_dict(saved.part("mean."))
        files.restore_random_state(saved.tensors)

    def _plan(self) -> dict[str, Any]:
        return {"options": asdict(self.options), "steps_per_epoch": self.steps_per_epoch}

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
            self.n_planned = min(self.options.epochs * self.steps_per_epoch, int(possible))

    def _set_rate(self) -> None:
        share = rate_share(self.n_steps, self.n_planned, self.options.warmup_fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.lr * share


def rate_share(step: int, total: int, warmup_fraction: float) -> float:
    """Return the share of the learning rate at a step: a straight rise, then half a cosine.

    Source: Loshchilov and Hutter, "SGDR" (ICLR 2017), equation 5, without restarts.
    """
    warmup = round(total * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))


def _mean_of(options: FitOptions) -> Callable[..., torch.Tensor]:
    def average(
        mean: torch.Tensor, now: torch.Tensor, n_averaged: torch.Tensor | int
    ) -> torch.Tensor:
        if not mean.is_floating_point():
            return now  # a count of batches
        # A young mean forgets faster, or the random first weights would weigh on it for long.
        n = int(n_averaged)
        decay = min(options.ema_decay, (1 + n) / (10 + n))
        return torch.lerp(mean, now, 1 - decay)

    return average


def _decayed(module: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    # Biases, norms and other vectors say where zero is: pulling them to it helps nobody.
    parameters = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


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
