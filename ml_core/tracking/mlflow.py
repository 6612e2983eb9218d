"""MLflow beside the product's own tracking: told in a thread of its own, and never waited for long.

Whatever MLflow does, a training goes on: what cannot be told is a warning in the log of the run.
"""

from __future__ import annotations

import math
import os
import queue
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ml_core.errors import CancelledError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from ml_core.tracking.run import Run

ARTIFACT_S, CLOSE_S = 30.0, 60.0
MOST_HELD, BATCH = 10_000, 500
LONGEST_PARAM, LONGEST_NAME = 500, 200
# Its library would ring home, and try for minutes to reach a server that is not there.
_MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run is told to, and what is known of it before it begins."""

    uri: str
    experiment: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class MLflowRun:
    """Say everything to another run, and figures, stages and files to MLflow too.

    Use it as a context: at its end the run in MLflow is finished, failed or killed.
    """

    def __init__(self, run: Run, target: Target) -> None:
        self._run, self._target = run, target
        self._queue: queue.Queue[_Word] = queue.Queue(MOST_HELD)
        self._trouble = ""
        self._is_told = False
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            status = "FINISHED"
        else:
            is_stopped = isinstance(error, CancelledError | KeyboardInterrupt)
            status = "KILLED" if is_stopped else "FAILED"
        self._say(_Word("end", (status,)))
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            self._trouble = self._trouble or f"it did not answer within {CLOSE_S:g} s"
        with suppress(Exception):  # a lost job cannot be told anything any more
            self._complain()

    @property
    def seed(self) -> int:
        """The seed of the run itself."""
        return self._run.seed

    def stage(self, name: str) -> None:
        """Enter a stage; MLflow has it as a tag."""
        self._run.stage(name)
        self._say(_Word("tag", ("assay.stage", name)))

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Report progress, to the run alone."""
        self._run.progress(done, total, note)

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a figure in both; one that is no number is a gap in MLflow."""
        self._run.metric(name, value, step)
        if math.isfinite(value):
            self._say(_Word("metric", (_key(name), float(value), _now_ms(), step or 0)))

    def log(self, message: str) -> None:
        """Write to the log of the run alone: MLflow has none."""
        self._run.log(message)

    def artifact(self, path: Path) -> None:
        """Keep a file or folder in both; it may be gone when this returns, so it is waited for."""
        self._run.artifact(path)
        word = _Word("artifact", (str(path),))
        if path.exists() and self._say(word):
            word.is_done.wait(ARTIFACT_S)
            self._complain()

    def checkpoint(self, name: str) -> Path | None:
        """Return the run's own place: a checkpoint is no result."""
        return self._run.checkpoint(name)

    def cancelled(self) -> bool:
        """Tell whether somebody asked to stop."""
        return self._run.cancelled()

    def _say(self, word: _Word) -> bool:
        self._complain()
        if self._trouble:
            return False
        try:
            self._queue.put_nowait(word)
        except queue.Full:
            self._trouble = "it takes figures more slowly than they come"
            return False
        return True

    def _complain(self) -> None:
        """Say once, in the thread of the run, that MLflow is told no more."""
        if self._trouble and not self._is_told:
            self._is_told = True
            self._run.log(
                f"Warning: MLflow is told nothing more of this run: {self._trouble}. The run goes "
                "on, and its figures are kept here. Check ASSAY_MLFLOW_URI and that server."
            )

    def _work(self) -> None:
        words: list[_Word] = []
        try:
            told = _Told(connect(self._target.uri), self._target)
            while not told.has_ended:
                words = self._next()
                told.take(words)
                for word in words:
                    word.is_done.set()
        except Exception as error:  # noqa: BLE001  whatever it does, the training must go on
            self._trouble = without_secrets(error)
        finally:
            for word in words:
                word.is_done.set()
            with suppress(queue.Empty):
                while True:
                    self._queue.get_nowait().is_done.set()

    def _next(self) -> list[_Word]:
        """Wait for a word, and take all that have come after it."""
        words = [self._queue.get()]
        with suppress(queue.Empty):
            while len(words) < BATCH:
                words.append(self._queue.get_nowait())
        return words


@dataclass(frozen=True, slots=True)
class _Word:
    """One thing that MLflow is to be told."""

    kind: str
    arguments: tuple[Any, ...]
    is_done: threading.Event = field(default_factory=threading.Event)


class _Told:
    """A run as MLflow has it; lives in the thread that talks to it."""

    def __init__(self, client: Any, target: Target) -> None:
        self._client = client
        experiment = experiment_id(client, target.uri, target.experiment)
        run = client.create_run(
            experiment, run_name=target.name, tags={k: str(v) for k, v in target.tags.items()}
        )
        self._id = run.info.run_id
        self.has_ended = False
        entity = import_module("mlflow.entities")
        self._metric: Callable[..., Any] = entity.Metric
        params = [
            entity.Param(_key(name), str(value)[:LONGEST_PARAM])
            for name, value in list(target.params.items())[:100]
        ]
        client.log_batch(self._id, params=params)

    def take(self, words: list[_Word]) -> None:
        """Tell MLflow these words, figures together."""
        figures = [self._metric(*word.arguments) for word in words if word.kind == "metric"]
        if figures:
            self._client.log_batch(self._id, metrics=figures)
        for word in words:
            if word.kind == "tag":
                self._client.set_tag(self._id, *word.arguments)
            elif word.kind == "artifact":
                send(self._client, self._id, Path(word.arguments[0]))
            elif word.kind == "end":
                self._client.set_terminated(self._id, *word.arguments)
                self.has_ended = True


def connect(uri: str) -> Any:
    """Return a client of an MLflow within the walls. Raises: ConfigError: without the package."""
    for name, value in _MANNERS.items():
        os.environ.setdefault(name, value)
    if "://" not in uri or uri.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    try:
        return import_module("mlflow").MlflowClient(tracking_uri=uri, registry_uri=uri)
    except ImportError as error:
        message = "MLflow must be installed for this. It is not. Run pip install 'mlflow>=3.17,<4'."
        raise ConfigError(message) from error


def experiment_id(client: Any, uri: str, name: str) -> str:
    """Return an experiment, made now if there is none; two may ask at once."""
    found = client.get_experiment_by_name(name)
    if found is None:
        with suppress(import_module("mlflow.exceptions").MlflowException):
            return str(client.create_experiment(name, artifact_location=_beside(uri, name)))
        found = client.get_experiment_by_name(name)
    return str(found.experiment_id)


def publish(
    client: Any, uri: str, *, name: str, folder: Path, alias: str, tags: Mapping[str, str]
) -> str:
    """Register a saved model as a version, give it an alias, and return its number.

    The same tag `assay.model` is the same version, however often it is published.
    """
    with suppress(import_module("mlflow.exceptions").MlflowException):
        client.create_registered_model(name)
    known = [
        one.version
        for one in client.search_model_versions(f"name='{name}'")
        if one.tags.get("assay.model") == tags["assay.model"]
    ]
    version = known[0] if known else _version(client, uri, name, folder, tags)
    client.set_registered_model_alias(name, alias, version)
    return str(version)


def _version(client: Any, uri: str, name: str, folder: Path, tags: Mapping[str, str]) -> str:
    experiment = experiment_id(client, uri, f"{name}-models")
    run = client.create_run(experiment, run_name=f"{name} {tags['assay.number']}", tags=dict(tags))
    client.log_artifacts(run.info.run_id, str(folder), "model")
    client.set_terminated(run.info.run_id)
    source = f"{run.info.artifact_uri}/model"
    made = client.create_model_version(name, source, run.info.run_id, tags=dict(tags))
    return str(made.version)


def send(client: Any, run_id: str, path: Path) -> None:
    """Keep a file, or a folder under its name, with a run."""
    if path.is_dir():
        client.log_artifacts(run_id, str(path), path.name)
    else:
        client.log_artifact(run_id, str(path))


def without_secrets(error: Exception) -> str:
    """Return what went wrong in a line, without what stands before the @ of an address."""
    words = " ".join(str(error).split())[:300].rstrip(".")
    return re.sub(r"//[^/\s@]+@", "//", f"{type(error).__name__}: {words}")


def _beside(uri: str, name: str) -> str | None:
    """Return where files lie: beside a local database, else where the server says."""
    if not uri.startswith("sqlite:///"):
        return None
    database = Path(uri.removeprefix("sqlite:///")).resolve()
    return (database.parent / "artifacts" / re.sub(r"\W+", "-", name)).as_uri()


def _key(name: str) -> str:
    return re.sub(r"[^\w\-. /:]", "_", name)[:LONGEST_NAME]


def _now_ms() -> int:
    return int(time.time() * 1000)
