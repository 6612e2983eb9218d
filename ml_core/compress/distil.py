"""Knowledge distillation: a small network learns from the answers and maps of a large one."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml_core.device import pick_device
from ml_core.errors import ConfigError
from ml_core.train.loop import FitOptions, History, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ml_core.tracking.run import Run

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class DistilOptions:
    """How much the teacher counts; a zero switches a part off.

    `soft` is the teacher's share of the loss of the answers, the truth has the rest; `features`
    and `attention` are factors of what the tapped layers add. `temperature` is that of the answers.
    """

    temperature: float = 4.0
    soft: float = 0.7
    features: float = 0.0
    attention: float = 0.0


@dataclass(frozen=True, slots=True)
class Tap:
    """A layer of the student and the one of the teacher that it should resemble, by their names."""

    student: str
    teacher: str


def logits_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return how far the student's softened answers are from the teacher's.

    KL(softmax(t / T) || softmax(s / T)) T^2, the mean over rows; T^2 keeps gradients as large as
    those of the truth.
    Shapes: (..., classes), the same -> scalar.
    Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015), s. 2.
    """
    wanted = functional.log_softmax(teacher.flatten(0, -2) / temperature, dim=1)
    told = functional.log_softmax(student.flatten(0, -2) / temperature, dim=1)
    return functional.kl_div(told, wanted, reduction="batchmean", log_target=True) * temperature**2


def feature_loss(student: Tensor, teacher: Tensor, project: nn.Module) -> Tensor:
    """Return the mean squared distance of projected features from the teacher's.

    Shapes: maps (n, c, h, w) or tokens (n, t, c); `project` brings c to the teacher's -> scalar.
    Source: Romero et al., "FitNets" (ICLR 2015), equation 3, over any layer and all of training.
    """
    return functional.mse_loss(project(student), teacher)


def attention_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return how differently two networks spread their attention over places.

    The attention of a map is the mean of its squared channels, scaled to length 1.
    Shapes: (n, c, h, w) or tokens (n, t, c), the same places -> scalar.
    Source: Zagoruyko and Komodakis, "Paying more attention to attention" (ICLR 2017), equation 2,
    with p = 2, as the mean squared distance of their published code.
    """
    return (_attention(student) - _attention(teacher)).pow(2).mean()


def _attention(maps: Tensor) -> Tensor:
    spread = maps.pow(2).mean(dim=_channels(maps)).flatten(1)
    return functional.normalize(spread, dim=1)


def _channels(maps: Tensor) -> int:
    if maps.ndim not in (3, 4):
        message = (
            "A tapped layer must give maps (n, c, h, w) or tokens (n, t, c). "
            f"Got {tuple(maps.shape)}. Tap another layer."
        )
        raise ConfigError(message)
    return 1 if maps.ndim == 4 else 2


def distil(  # noqa: PLR0913  who teaches whom, what, by which losses, and how
    teacher: nn.Module,
    student: nn.Module,
    batches: Callable[[int], Iterable[B]],
    *,
    answer: Callable[[nn.Module, B], Any],
    hard: Callable[[Any, B], Tensor],
    run: Run,
    options: FitOptions,
    steps_per_epoch: int,
    weights: DistilOptions = DistilOptions(),
    soft: Callable[[Any, Any], Tensor] | None = None,
    taps: Sequence[Tap] = (),
    validate: Callable[[Any], Mapping[str, float]] | None = None,
    monitor: str | None = None,
) -> History:
    """Train `student` on truth and teacher, and leave its best weights in it.

    `answer(module, batch)` asks either network; `hard(answer, batch)` is the loss by the truth,
    `soft(student's, teacher's)` that by the teacher (by default `logits_loss`). The teacher learns
    nothing, and is asked without gradients, on the device where the student learns.

    Raises: ConfigError: if a tap names no layer, or one without maps. Others: as `fit`.
    """
    teacher.eval()
    compare = soft or (lambda ours, theirs: logits_loss(ours, theirs, weights.temperature))
    pupil = _Pupil(student, _projections(teacher, student, next(iter(batches(0))), answer, taps))
    teacher = _beside(teacher, options)

    def step(module: _Pupil, batch: B) -> Tensor:
        with torch.no_grad(), _tapped(teacher, [tap.teacher for tap in taps]) as theirs:
            wanted = answer(teacher, batch)
        with _tapped(module.student, [tap.student for tap in taps]) as ours:
            told = answer(module.student, batch)
        loss = (1 - weights.soft) * hard(told, batch) + weights.soft * compare(told, wanted)
        for mine, other, project in zip(ours, theirs, module.projections, strict=True):
            if weights.features:
                loss = loss + weights.features * feature_loss(mine, other, project)
            if weights.attention:
                loss = loss + weights.attention * attention_loss(mine, other)
        return loss

    return fit(
        pupil, batches, step, run=run, options=options, steps_per_epoch=steps_per_epoch,
        validate=None if validate is None else (lambda module: validate(module.student)),
        monitor=monitor,
    )  # fmt: skip


def _beside(teacher: nn.Module, options: FitOptions) -> nn.Module:
    """Return the teacher where the student will learn; the one that was given stays in place."""
    there = next(teacher.parameters()).device
    where = there if options.device is None else pick_device(options.device)
    return teacher if where.type == there.type else copy.deepcopy(teacher).to(where)


class _Pupil(nn.Module):
    """The student, and the projections that only its training needs."""

    def __init__(self, student: nn.Module, projections: nn.ModuleList) -> None:
        super().__init__()
        self.student, self.projections = student, projections


def _projections(
    teacher: nn.Module, student: nn.Module, batch: B, answer: Callable[[nn.Module, B], Any],
    taps: Sequence[Tap],
) -> nn.ModuleList:  # fmt: skip
    """Make what brings each tapped layer of the student to the width of the teacher's."""
    student.eval()
    with torch.no_grad():
        with _tapped(teacher, [tap.teacher for tap in taps]) as theirs:
            answer(teacher, batch)
        with _tapped(student, [tap.student for tap in taps]) as ours:
            answer(student, batch)
    return nn.ModuleList(_projection(a, b) for a, b in zip(ours, theirs, strict=True))


def _projection(ours: Tensor, theirs: Tensor) -> nn.Module:
    axis = _channels(ours)
    before, after = ours.shape[axis], theirs.shape[axis]
    made = nn.Conv2d(before, after, 1) if ours.ndim == 4 else nn.Linear(before, after)
    return made.to(ours.device)


@contextmanager
def _tapped(module: nn.Module, names: Sequence[str]) -> Iterator[list[Tensor]]:
    """Collect what the named layers say inside the block, in the order of the names.

    The hooks go again at its end: copies of the module, such as its running mean, have none.
    """
    said: dict[int, Tensor] = {}
    found: list[Tensor] = []
    layers = dict(module.named_modules())
    unknown = [name for name in names if name not in layers]
    if unknown:
        message = f"A tap must name a layer. Got {unknown[0]!r}. Use one of named_modules()."
        raise ConfigError(message)

    def keep(place: int) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _layer, _given, out: said.__setitem__(place, out)

    hooks = [layers[name].register_forward_hook(keep(i)) for i, name in enumerate(names)]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
        found += [said[place] for place in range(len(names)) if place in said]
