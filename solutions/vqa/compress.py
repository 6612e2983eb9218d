"""Making the network that answers smaller: which channels it may lose, and who teaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn import functional

from ml_core.compress.distil import DistilOptions, distil
from ml_core.compress.prune import LAYERS
from ml_core.compress.quantize import spread
from ml_core.nn.cross_modal import CrossModalAttention
from ml_core.nn.picture_encoder import SmallPictureEncoder
from ml_core.runtime.session import Session
from solutions.variants import figures_of, make_smaller
from solutions.vqa.learning import (
    answered,
    by_picture,
    fit_options,
    learn,
    odds_of,
    steps_of,
    temperature,
)
from solutions.vqa.lesson import Plan
from solutions.vqa.network import AnswerNetwork
from solutions.vqa.options import VqaOptions
from solutions.vqa.reading import reader_of
from solutions.vqa.scoring import CHUNK, Preparation, VqaPredictor
from solutions.vqa.training import examples_of, export, inputs_of, outputs_of
from solutions.weights import load_weights, options_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor, nn

    from ml_core.evaluate.intervals import Interval
    from ml_core.tracking.run import Run
    from ml_core.typing import FloatArray
    from solutions.api import Solution, Split
    from solutions.compression import Compressed, CompressOptions

GENTLY = 0.3  # of the rate of the training: what is there is to be kept


def compress(
    solution: Solution[VqaOptions], bundle: Path, data: Split, options: CompressOptions,
    run: Run, out: Path,
) -> Compressed:  # fmt: skip
    """Prune, distil and quantise the network of a bundle."""
    recipe = AnswerRecipe(solution, bundle, data, run)

    def settle(out: Path, file: str) -> None:
        divisor = temperature(recipe.odds(out / file), recipe.valid.answers)
        changed = {"network": file, "temperature": divisor}
        recipe.prepared.model_copy(update=changed).save(out)

    return make_smaller(
        solution, bundle, data, options, run, out,
        network=recipe.first, recipe=recipe, settle=settle,
    )  # fmt: skip


class AnswerRecipe:
    """How a network that answers learns on, and is measured (implements `pipeline.Recipe`)."""

    higher_is_better = True
    n_in_float = 0

    def __init__(self, solution: Solution[VqaOptions], bundle: Path, data: Split, run: Run) -> None:
        self.solution, self.bundle, self.chosen_by = solution, bundle, data.valid
        self.options: VqaOptions = options_of(bundle, VqaOptions)
        self.prepared = Preparation.load(bundle)
        known = self.prepared
        reader = reader_of(known.reader, known.words, bundle)
        plan = Plan(reader, known.answers, known.side, known.frames)
        run.stage("Reading pictures")
        self.lesson, self.valid = (plan.lesson(part, run) for part in (data.train, data.valid))
        self.first = self.network()
        self.outputs = outputs_of(self.first)
        self.examples = examples_of(self.first, self.lesson)

    def network(self) -> AnswerNetwork:
        """Return the network as it was learnt."""
        known = self.prepared
        found = AnswerNetwork(len(known.words) + 2, len(known.answers), self.options, known.frames)
        load_weights(found, self.bundle)
        return found

    def free(self, network: Any) -> list[nn.Module]:
        """Return layers whose channels nothing else sees; the width itself is everywhere."""
        inner = [m.forward_net[1] for m in network.modules() if isinstance(m, CrossModalAttention)]
        layers = [*inner, network.answer[0]]
        if isinstance(network.eye, SmallPictureEncoder):
            layers += [network.eye.layers[0], network.eye.layers[3]]
        if network.ear is not None:
            layers.append(network.ear.layers[0])
        return [layer for layer in layers if isinstance(layer, LAYERS)]

    def learn(self, network: Any, seconds: float, run: Run) -> None:
        """Learn on from known answers."""
        learn(network, self.lesson, self.valid, self._within(seconds), run)

    def teach(self, teacher: Any, network: Any, seconds: float, run: Run) -> None:
        """Learn from known answers and from how sure the teacher is of all others."""
        options = self._within(seconds)

        def validate(module: AnswerNetwork) -> dict[str, float]:
            odds, truth = odds_of(module, self.valid)
            return {"valid_accuracy": float((odds.argmax(axis=1) == truth).mean())}

        distil(
            teacher, network, by_picture(self.lesson, options, run),
            answer=answered,  # type: ignore[arg-type]  # both are such networks
            hard=lambda odds, batch: functional.cross_entropy(odds, batch.answers),
            run=run, options=fit_options(options), weights=DistilOptions(),
            steps_per_epoch=steps_of(self.lesson, options), validate=validate,
            monitor="valid_accuracy",
        )  # fmt: skip

    def samples(self) -> Iterator[dict[str, Tensor]]:
        """Yield questions that were learnt from."""
        for row in spread(len(self.lesson)):
            yield inputs_of(self.first, self.lesson, np.array([row]))

    def export(self, network: Any, path: Path) -> None:
        """Write a network as ONNX."""
        export(network, self.lesson, path)

    def measure(self, path: Path) -> Interval:
        """Return accuracy on the questions to choose by."""
        predictor = VqaPredictor(self.bundle, "cpu", str(path.resolve()))
        return figures_of(self.solution, predictor, self.chosen_by)[1]

    def odds(self, path: Path) -> FloatArray:
        """Return what a file says of the questions to choose by."""
        session = Session(path, "cpu", threads=2)
        parts = np.array_split(np.arange(len(self.valid)), max(1, len(self.valid) // CHUNK))
        asked = (inputs_of(self.first, self.valid, rows) for rows in parts)
        told = [session.run({n: t.numpy() for n, t in one.items()})["odds"] for one in asked]
        found: FloatArray = np.concatenate(told).astype(np.float64)
        return found

    def _within(self, seconds: float) -> VqaOptions:
        update = {"minutes": max(seconds, 1.0) / 60, "lr": GENTLY * self.options.lr}
        return self.options.model_copy(update=update)
