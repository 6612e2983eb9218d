"""The conformance kit: what every solution must show, for us and for third parties.

In a test of your own:

    from solutions.testing import checks_for

    @pytest.mark.parametrize("check", list(checks_for(solution)), ids=str)
    def test_contract(check):
        check()
"""

from __future__ import annotations

import socket
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_core.errors import AssayError
from ml_core.tracking.run import NullRun
from solutions.tables import open_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml_core.typing import Frame
    from solutions.api import Predictions, Predictor, Split, TableBatch, Trained
    from solutions.registry import AnySolution

SEED = 7


class ContractError(AssayError):
    """A solution that does not keep the contract; the message says what to change."""


def expect(truth: object, message: str) -> None:
    """Raise `ContractError` with the message unless it is so."""
    if not truth:
        raise ContractError(message)


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one solution; call it, and it raises when the contract is broken."""

    name: str
    slug: str
    run: Callable[[], None]

    def __call__(self) -> None:
        """Check."""
        self.run()

    def __str__(self) -> str:
        return f"{self.slug}-{self.name}"


@dataclass(frozen=True, slots=True)
class Training:
    """One training on the demo: what it left, how long it took, whom it tried to call."""

    trained: Trained
    seconds: float
    cpu_seconds: float
    calls: tuple[str, ...]


@dataclass(slots=True)
class Calls:
    """The places on the network that somebody tried to reach."""

    places: list[str] = field(default_factory=list)


class Trial:
    """A solution at work on its own demo; trains at most twice, whatever is asked of it."""

    def __init__(self, solution: AnySolution) -> None:
        self.solution = solution
        self._folder = tempfile.TemporaryDirectory(prefix=f"check-{solution.slug}-")
        self._open = ExitStack()

    @cached_property
    def batch(self) -> TableBatch:
        """The demo, read as the product reads it; its files stay open."""
        demo, schema = self.solution.demo(), self.solution.inputs()
        return self._open.enter_context(open_batch(demo, schema))

    @property
    def frame(self) -> Frame:
        """The rows of the demo."""
        return self.batch.frame

    @property
    def options(self) -> Any:
        """The options that suit the demo."""
        return self.solution.demo_options()

    def split(self) -> Split:
        """Cut the demo."""
        return self.solution.split(self.batch, self.options, SEED)

    def folder(self, name: str) -> Path:
        """Make an empty folder that goes with the trial."""
        path = Path(self._folder.name) / name
        path.mkdir()
        return path

    @cached_property
    def first(self) -> Training:
        """The training that all checks share."""
        return self._train("first")

    @cached_property
    def second(self) -> Training:
        """The same once more, to compare."""
        return self._train("second")

    @cached_property
    def predictor(self) -> Predictor:
        """The first bundle, loaded."""
        return self.solution.load(self.first.trained.bundle, "cpu")

    @cached_property
    def predictions(self) -> Predictions:
        """The scores of the whole demo."""
        return self.predictor.predict(self.batch)

    def _train(self, name: str) -> Training:
        data, out = self.split(), self.folder(name)
        began = time.perf_counter(), time.process_time()
        with no_network() as calls:
            trained = self.solution.train(data, self.options, NullRun(seed=SEED), out)
        spent = time.perf_counter() - began[0], time.process_time() - began[1]
        return Training(trained, *spent, tuple(calls.places))


class ImpatientRun:
    """A run that asks to stop after some steps, and counts the steps that come after."""

    seed = 0

    def __init__(self, patience: int) -> None:
        self.patience, self.after = patience, 0

    def progress(self, done: float, total: float, note: str = "") -> None:  # noqa: ARG002
        """Count a step."""
        self.after += self.patience == 0
        self.patience = max(0, self.patience - 1)

    def stage(self, name: str) -> None:
        """Ignore it."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Ignore it."""

    def log(self, message: str) -> None:
        """Ignore it."""

    def artifact(self, path: Path) -> None:
        """Ignore it."""

    def checkpoint(self, name: str) -> Path | None:  # noqa: ARG002
        """Keep none."""
        return None

    def cancelled(self) -> bool:
        """Ask to stop once patience is over."""
        return self.patience == 0


@contextmanager
def no_network() -> Iterator[Calls]:
    """Refuse and note every call over the internet protocols while the block lasts."""
    calls = Calls()
    real = socket.socket.connect, socket.getaddrinfo

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            calls.places.append(str(address))
            message = "A solution must not use the network."
            raise ConnectionRefusedError(message)
        real[0](self, address)

    def look_up(host: Any, *_: Any, **__: Any) -> Any:
        calls.places.append(str(host))
        message = "A solution must not use the network."
        raise socket.gaierror(message)

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = look_up
    try:
        yield calls
    finally:
        socket.socket.connect, socket.getaddrinfo = real  # type: ignore[method-assign]


def checks_for(solution: AnySolution) -> Iterator[Check]:
    """Yield the checks of a solution; they share one trial, so take them all from one call."""
    from solutions.conformance import CHECKS  # noqa: PLC0415  it is made of this module's parts

    trial = Trial(solution)
    for function in CHECKS:
        yield Check(function.__name__, solution.slug, _bound(function, trial))


def _bound(function: Callable[[Trial], None], trial: Trial) -> Callable[[], None]:
    return lambda: function(trial)
