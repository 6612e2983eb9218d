"""Making the detector smaller: which channels it may lose, and what a teacher tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from ml_core.compress.distil import DistilOptions, Tap, distil
from ml_core.compress.quantize import spread
from solutions.casting.card import limits
from solutions.casting.decoding import REG_MAX
from solutions.casting.lesson import lesson_of
from solutions.casting.network import Detector, freeze, loss_of
from solutions.casting.options import CastingOptions
from solutions.casting.quantise import N_IN_FLOAT
from solutions.casting.scoring import CastingPredictor, Preparation
from solutions.casting.training import (
    OUTPUTS,
    batches_of,
    clean_share,
    examples_of,
    export,
    fit_options,
    learn,
    steps_of,
    told,
    valid_map50,
)
from solutions.variants import figures_of, make_smaller
from solutions.weights import load_weights, options_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from ml_core.evaluate.intervals import Interval
    from ml_core.tracking.run import Run
    from solutions.api import Solution, Split
    from solutions.compression import Compressed, CompressOptions

GENTLY = 0.3  # of the rate of the training: what is there is to be kept
MAPS = ("pyramid.down3", "pyramid.up4", "pyramid.up5")
BLOCKS = ("_expand_conv", "_depthwise_conv")  # of EfficientNet-Lite


def compress(
    solution: Solution[CastingOptions], bundle: Path, data: Split, options: CompressOptions,
    run: Run, out: Path,
) -> Compressed:  # fmt: skip
    """Prune, distil and quantise the detector of a bundle."""
    recipe = DetectorRecipe(solution, bundle, data, run)

    def settle(out: Path, file: str) -> None:
        prepared = Preparation.load(bundle).model_copy(update={"network": file})
        prepared.save(out)
        share = clean_share(out, data.valid)
        prepared.model_copy(update={"clean_share": share}).save(out)

    return make_smaller(
        solution, bundle, data, options, run, out,
        network=recipe.network(), recipe=recipe, settle=settle, tell=_told_of_it,
    )  # fmt: skip


def _told_of_it(metrics: Mapping[str, float], out: Path) -> dict[str, Any]:
    return {
        "limits": list(limits(metrics)), "clean_share_of_passes": Preparation.load(out).clean_share,
    }  # fmt: skip


class DetectorRecipe:
    """How a detector learns on, and is measured (implements `pipeline.Recipe`)."""

    outputs = OUTPUTS
    higher_is_better = True
    n_in_float = N_IN_FLOAT

    def __init__(
        self, solution: Solution[CastingOptions], bundle: Path, data: Split, run: Run
    ) -> None:
        self.solution, self.bundle, self.chosen_by = solution, bundle, data.valid
        self.options: CastingOptions = options_of(bundle, CastingOptions)
        prepared = Preparation.load(bundle)
        self.n_classes = len(prepared.classes)
        run.stage("Reading pictures")
        self.lesson = lesson_of(data.train, prepared.classes, prepared.side, run)
        self.valid = lesson_of(data.valid, prepared.classes, prepared.side, run)
        self.examples = examples_of(self.valid)

    def network(self) -> Detector:
        """Return the network as it was learnt."""
        found = Detector(self.n_classes, self.options)
        load_weights(found, self.bundle)
        found.to(memory_format=torch.channels_last)
        freeze(found)
        return found

    def free(self, network: Any) -> list[nn.Module]:
        """Return layers whose channels nothing outside of their block sees."""
        layers = [
            layer
            for name, layer in network.named_modules()
            if name.rsplit(".", 1)[-1] in BLOCKS or name.endswith(".m.0.cv1.conv")
        ]
        heads = [*network.head.cv2, *network.head.cv3]  # the last of each says the answer
        for part in (part for head in heads for part in list(head)[:-1]):
            layers += [layer for layer in part.modules() if isinstance(layer, nn.Conv2d)]
        return layers

    def learn(self, network: Any, seconds: float, run: Run) -> None:
        """Learn on from drawn boxes."""
        learn(network, self.lesson, self.valid, self._within(seconds), run)

    def teach(self, teacher: Any, network: Any, seconds: float, run: Run) -> None:
        """Learn from drawn boxes and from what the teacher sees."""
        options = self._within(seconds)
        distil(
            teacher, network, batches_of(self.lesson, options, run),
            answer=told,  # type: ignore[arg-type]  # both are detectors
            hard=lambda said, batch: loss_of(network, said, batch), soft=apart, run=run,
            options=fit_options(self.lesson, options),
            weights=DistilOptions(soft=0.5, attention=100.0),
            taps=[Tap(name, name) for name in MAPS],
            steps_per_epoch=steps_of(self.lesson, options),
            validate=lambda module: {"valid_map50": valid_map50(module, self.valid)},
            monitor="valid_map50",
        )  # fmt: skip

    def samples(self) -> Iterator[dict[str, Tensor]]:
        """Yield pictures that were learnt from, unchanged."""
        for row in spread(len(self.lesson)):
            yield {"pictures": torch.from_numpy(self.lesson.pixels[row : row + 1]).float() / 255}

    def export(self, network: Any, path: Path) -> None:
        """Write a network as ONNX."""
        export(network, self.valid, path)

    def measure(self, path: Path) -> Interval:
        """Return mean average precision on the pictures to choose by."""
        predictor = CastingPredictor(self.bundle, "cpu", str(path.resolve()))
        return figures_of(self.solution, predictor, self.chosen_by)[1]

    def _within(self, seconds: float) -> CastingOptions:
        update = {"minutes": max(seconds, 1.0) / 60, "lr": GENTLY * self.options.lr}
        return self.options.model_copy(update=update)


def apart(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> Tensor:
    """Return how differently two detectors answer, where the teacher sees something.

    Classes by cross-entropy to the teacher's chances, sides by the divergence of their
    distributions, each place by the teacher's confidence.
    Shapes: scores (n, classes, a), boxes (n, 64, a) -> scalar.
    Source: Zheng et al., "Localization distillation" (CVPR 2022), equation 4, at temperature 1.
    """
    chances = theirs["scores"].sigmoid()
    sure = chances.amax(dim=1)
    total = sure.sum().clamp(min=1)
    kinds = functional.binary_cross_entropy_with_logits(ours["scores"], chances, reduction="none")
    shape = (len(sure), 4, REG_MAX, -1)
    wanted = theirs["boxes"].view(shape).log_softmax(dim=2)
    said = ours["boxes"].view(shape).log_softmax(dim=2)
    sides = functional.kl_div(said, wanted, reduction="none", log_target=True).sum(dim=2).mean(1)
    return (0.5 * kinds.sum() + 1.5 * (sides * sure).sum()) / total
