"""The contract of a solution: what a vertical supplies, and what the product does with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, Protocol, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict

from ml_core.data.media import NO_MEDIA
from ml_core.errors import ConfigError
from ml_core.tracking.run import NullRun, Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ml_core.data.media import Media
    from ml_core.data.schema import Schema
    from ml_core.errors import Issue
    from ml_core.features.view import FeatureView
    from ml_core.typing import Frame
    from solutions.blocks import Report, Tone
    from solutions.compression import Compressed, CompressOptions

API_VERSION = 1
Device = Literal["auto", "cpu", "cuda"]


class Options(BaseModel):
    """Choices for a training. Every field has a default, bounds and a description."""

    model_config = ConfigDict(frozen=True, extra="forbid")


O = TypeVar("O", bound=Options)


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure by which models of a solution are compared.

    `format` is a Python format specification without braces: ".3f", ".1%", ",.0f".
    """

    name: str
    title: str
    description: str
    higher_is_better: bool = True
    format: str = ".3f"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to train again, as a solution suggests it; a person may take it over, or change it.

    `cron` has five fields, and is meant in the zone of who takes it over.
    """

    title: str
    cron: str
    why: str
    n_labels: int = 0


@dataclass(frozen=True, slots=True)
class TableBatch:
    """Rows to work on, inside everything that is known around them.

    `frame` has the columns of `Solution.inputs()`; rows `start` to `stop` are meant (the
    *targets*). The rest is context: a solution that looks back in time may read it, as it was
    known at each target's own time and never later. So a row gets the same answer alone
    (`start=i, stop=i + 1`) as in company, and a chunk the same as the whole file.

    A cell of kind `image` or `audio` holds the name of a file, and `media` reads it: a picture
    is a row like a payment, and stays on the disk until it is needed.
    """

    frame: Frame
    start: int = 0
    stop: int | None = None
    media: Media = NO_MEDIA

    @property
    def end(self) -> int:
        """One past the last target row."""
        return self.frame.height if self.stop is None else self.stop

    @property
    def targets(self) -> Frame:
        """The rows that are meant."""
        return self.frame.slice(self.start, len(self))

    def over(self, frame: Frame, start: int = 0, stop: int | None = None) -> TableBatch:
        """Return other rows that speak of the same files."""
        return TableBatch(frame, start, stop, self.media)

    def only(self, row: int) -> TableBatch:
        """Return one target, counted from 0; what came before it stays its past."""
        return self.over(self.frame, self.start + row, self.start + row + 1)

    def __len__(self) -> int:
        return self.end - self.start


Batch = TableBatch


class NoSettings(Options):
    """A solution that needs nothing said beside the data when it is used."""


@dataclass(frozen=True, slots=True)
class Split:
    """Batches to learn from, to choose with, and to report on; `how` says in words how cut."""

    train: Batch
    valid: Batch
    test: Batch
    how: str


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training leaves: a bundle folder and the figures measured on the test part."""

    bundle: Path
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Predictions:
    """One row per target, in their order.

    `frame` has `score` (float, higher is more so), `label` (text), `confidence` (0 to 1), then
    the solution's own extra columns. `alert` (bool) marks the rows that a person should see.
    A column `found` holds what was seen on the row's picture, as text: a JSON list of
    {"label", "confidence", "x", "y", "width", "height"} in pixels of the upright picture.
    `facts` are JSON-able values about the whole, such as the threshold that was used.
    """

    frame: Frame
    facts: Mapping[str, object] = field(default_factory=dict)

    CORE: ClassVar[Mapping[str, pl.DataType]] = {
        "score": pl.Float64(),
        "label": pl.String(),
        "confidence": pl.Float64(),
        "alert": pl.Boolean(),
    }


class Predictor(Protocol):
    """A loaded model. It keeps no state between calls that could change an answer."""

    def predict(self, batch: Batch, run: Run = ..., settings: Options | None = None) -> Predictions:
        """Score the targets of a batch, in bounded memory, telling `run` how far it is.

        `settings` are of the class `Solution.settings`; None stands for its defaults.
        """
        ...


class Solution(ABC, Generic[O]):
    """One vertical. A folder of `solutions/` holds one object of such a class."""

    slug: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    version: ClassVar[str]
    icon: ClassVar[str] = "cube"
    api_version: ClassVar[int] = API_VERSION
    metrics: ClassVar[tuple[Metric, ...]]
    queue: ClassVar[Literal["cpu", "gpu"]] = "cpu"
    # What may be said beside the data each time the model is used, such as limits.
    settings: ClassVar[type[Options]] = NoSettings
    # Columns by which rows know each other, such as the card of a payment. Questions of people who
    # know nothing of each other then share a batch, with these values told apart; with no column
    # rows never know each other. None: it is not known, so each is asked about by itself.
    ties: ClassVar[tuple[str, ...] | None] = None
    # What `label` may say where that is a verdict of few words, and how good each is. Where the
    # truth is a flag or boxes, "good" stands for 0 or none of them, and "bad" for 1.
    verdicts: ClassVar[Mapping[str, Tone]] = {}
    # Steps by which its models can be made smaller, of `solutions.compression.STEPS`; none: the
    # product does not offer it.
    compressions: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def options(self) -> type[O]:
        """Class of the options of a training; imported light."""

    @abstractmethod
    def inputs(self) -> Schema:
        """Describe the columns that training and scoring need."""

    @abstractmethod
    def split(self, batch: Batch, options: O, seed: int) -> Split:
        """Cut labelled data so that no part knows what comes after it.

        Raises: DataError: if there is too little data, or no label, to cut.
        """

    @abstractmethod
    def train(self, data: Split, options: O, run: Run, out: Path) -> Trained:
        """Learn, and write a bundle into the empty folder `out`.

        Uses no globals and no network; stops within one step of `run.cancelled()`.
        Raises: DataError: if the data cannot be learnt from. CancelledError: if asked to stop.
        """

    @abstractmethod
    def load(self, bundle: Path, device: Device = "auto") -> Predictor:
        """Load a bundle. Raises: ModelError: if it is damaged or of another version."""

    @abstractmethod
    def evaluate(self, predictions: Predictions, batch: Batch) -> Mapping[str, float]:
        """Measure predictions against the labels of the targets that the model never saw."""

    @abstractmethod
    def report(self, predictions: Predictions, batch: Batch) -> Report:
        """Say what people should see of these predictions."""

    @abstractmethod
    def demo(self) -> Path:
        """Return a tiny sample file, for tests, and for "try it" if there is no other."""

    def demo_options(self) -> O:
        """Return the options with which the kit trains on the demo: its checks, in a minute.

        The defaults, unless those take the time that data of people deserve.
        """
        return self.options()

    def sample(self, folder: Path) -> Path:
        """Return the file that the "try it" button takes in: the demo, or a larger one.

        A larger one, with more to learn from than is worth shipping, is drawn into `folder` within
        seconds, and is the same each time.
        """
        return self.demo()

    def validate(self, batch: Batch) -> list[Issue]:
        """Check rules across columns or rows; the schema itself is checked before."""
        return []

    def explain(
        self,
        predictor: Predictor,
        rows: Sequence[int],
        batch: Batch,
        run: Run = NullRun(),  # noqa: B008  frozen, so one object serves all calls
        settings: Options | None = None,
    ) -> Mapping[int, Report]:
        """Say why target rows (counted from 0 within the targets) got their scores.

        `settings` are those under which they were scored, as `Predictor.predict` takes them.
        """
        return {}

    def compress(
        self, bundle: Path, data: Split, options: CompressOptions, run: Run, out: Path
    ) -> Compressed:
        """Make a smaller model of a bundle, and write it into the empty folder `out`.

        `data` is cut as for the training of the bundle, so that all forms are measured on rows
        that no learning has seen.
        Raises: ConfigError: if the solution does not offer it.
        """
        message = f"{self.title} must offer to make its models smaller. It does not. Use the model."
        raise ConfigError(message)

    def schedules(self) -> tuple[Schedule, ...]:
        """Suggest when to train again, the best first; nothing unless the solution knows."""
        return ()

    def features(self) -> tuple[FeatureView, ...]:
        """Define what the feature store keeps of its data; each view has a name of its own."""
        return ()
