"""The static forms of a network: each compared with the network itself, then measured beside it.

| form | what it is |
|---|---|
| eager | the network as it was written, operation by operation |
| exported | its graph by torch.export, without Python's branches |
| compiled | its graph made into machine code by TorchInductor, weights frozen in |
| onnx | its ONNX file in ONNX Runtime, on the best provider that this machine has |
| cuda_graph | all its kernels as one launch, where there is a CUDA device |
"""

from __future__ import annotations

import copy
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ml_core.device import Device, resolve
from ml_core.errors import AssayError, DeviceError
from ml_core.runtime.agreement import difference, taken_s
from ml_core.runtime.graph_cache import cached_onnx
from ml_core.runtime.session import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tensors = Mapping[str, torch.Tensor]
Run = Callable[[Tensors], "list[NDArray[Any]]"]
EAGER = "eager"


@dataclass(frozen=True, slots=True)
class Source:
    """A network and all that its forms are made from; `cache` keeps what took long to make."""

    module: torch.nn.Module
    examples: Tensors
    outputs: Sequence[str]
    cache: Path
    device: Device = "auto"
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One form at one size of batch; `problem` says why there is no figure.

    `difference` is the largest from the network itself, in units of its largest output where that
    is above 1. `prepare_s` is what making it and warming it up took.
    """

    form: str
    batch: int
    milliseconds: float = 0.0
    speedup: float = 0.0
    difference: float = 0.0
    prepare_s: float = 0.0
    provider: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    """A form that can be run; `provider` is what really runs it."""

    run: Run
    provider: str


def eager(source: Source) -> Built:
    """Return the network as it is."""
    device = resolve(source.device)
    module = source.module.eval().to(device)
    return Built(_torch(module, device), f"torch, {device}")


def exported(source: Source) -> Built:
    """Return its graph; the first axis of each input stays free."""
    device = resolve(source.device)
    axis = torch.export.Dim("batch")
    program = torch.export.export(
        copy.deepcopy(source.module).eval().to(device),
        (),
        kwargs={name: tensor.to(device) for name, tensor in source.examples.items()},
        dynamic_shapes={name: {0: axis} for name in source.examples},
    )
    return Built(_torch(program.module(), device), f"torch.export, {device}")


def compiled(source: Source) -> Built:
    """Return machine code for it, with frozen weights and pictures in channels-last order.

    Raises: DeviceError: on a machine without a C++ compiler.
    """
    device = resolve(source.device)
    if device == "cpu" and shutil.which("g++") is None and shutil.which("clang++") is None:
        message = (
            "TorchInductor must have a C++ compiler. Got none. Install g++, or use another form."
        )
        raise DeviceError(message)
    module = copy.deepcopy(source.module).eval().to(device)
    if any(tensor.ndim == 4 for tensor in source.examples.values()):
        module = module.to(memory_format=torch.channels_last)
    fast = torch.compile(module, options={"freezing": device == "cpu"})
    return Built(_torch(fast, device), f"TorchInductor, {device}")


def onnx(source: Source) -> Built:
    """Return its ONNX file in a session. Raises: ModelError: if it cannot be written."""
    path = cached_onnx(source.module, source.examples, source.outputs, source.cache)
    session = Session(path, source.device, source.threads, cache=source.cache, tensorrt=True)

    def run(inputs: Tensors) -> list[NDArray[Any]]:
        return list(session.run({k: v.cpu().numpy() for k, v in inputs.items()}).values())

    return Built(run, session.provider)


def cuda_graph(source: Source) -> Built:
    """Return a replay of all its kernels, recorded once for each shape.

    Raises: DeviceError: where there is no CUDA device.
    """
    if not torch.cuda.is_available():
        raise DeviceError('A CUDA graph must have a CUDA device. Got none. Use "onnx".')
    module = copy.deepcopy(source.module).eval().cuda()
    recorded: dict[tuple[Any, ...], _Recording] = {}

    def run(inputs: Tensors) -> list[NDArray[Any]]:
        shapes = tuple(tuple(tensor.shape) for tensor in inputs.values())
        if shapes not in recorded:
            recorded[shapes] = _Recording(module, inputs)
        return recorded[shapes](inputs)

    return Built(run, "CUDA graph")


class _Recording:
    """One CUDA graph with the places in memory that it reads and writes."""

    def __init__(self, module: torch.nn.Module, inputs: Tensors) -> None:
        self._places = {name: tensor.cuda() for name, tensor in inputs.items()}
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.no_grad(), torch.cuda.stream(side):
            for _ in range(3):  # libraries choose their kernels before anything is recorded
                module(**self._places)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.no_grad(), torch.cuda.graph(self._graph):
            self._made = _listed(module(**self._places))

    def __call__(self, inputs: Tensors) -> list[NDArray[Any]]:
        for name, place in self._places.items():
            place.copy_(inputs[name])
        self._graph.replay()
        return [tensor.float().cpu().numpy() for tensor in self._made]


FORMS: Mapping[str, Callable[[Source], Built]] = {
    EAGER: eager, "exported": exported, "compiled": compiled, "onnx": onnx,
    "cuda_graph": cuda_graph,
}  # fmt: skip


def measure_forms(  # noqa: PLR0913  what to measure, how exactly, and where
    module: torch.nn.Module,
    examples: Sequence[Tensors],
    *,
    outputs: Sequence[str],
    forms: Sequence[str] = tuple(FORMS),
    repeats: int = 7,
    atol: float = 1e-4,
    device: Device = "auto",
    threads: int | None = None,
    cache: Path | None = None,
) -> list[Measured]:
    """Make each form, compare it with the network, and time all of them in turn.

    Shapes: each of `examples` is a batch (n, ...) by the name of its argument; the first must
    have n >= 2 or be followed by one that has. Medians of `repeats` rounds, the forms taking
    turns, so that what else the machine does falls on all alike. A form that cannot be made, or
    differs by more than `atol`, has a `problem` instead of figures.
    """
    larger = next((batch for batch in examples if _n(batch) > 1), examples[0])
    with tempfile.TemporaryDirectory(prefix="graphs-") as folder:
        source = Source(module, larger, outputs, cache or Path(folder), device, threads)
        built = {name: _built(name, source) for name in dict.fromkeys((EAGER, *forms))}
        return [one for batch in examples for one in _measured(built, batch, repeats, atol)]


def _built(name: str, source: Source) -> tuple[Built | None, float, str]:
    began = time.perf_counter()
    try:
        made = FORMS[name](source)
    # Compilers fail in many ways, and one that fails is a row of the table.
    except (AssayError, RuntimeError, ValueError, TypeError) as error:
        return None, 0.0, _short(error)
    return made, time.perf_counter() - began, ""


def _measured(
    built: Mapping[str, tuple[Built | None, float, str]], batch: Tensors, repeats: int, atol: float
) -> list[Measured]:
    wanted = _required(built)(batch)
    found: dict[str, Measured] = {}
    for name, (made, prepare_s, problem) in built.items():
        found[name] = Measured(name, _n(batch), problem=problem)
        if made is not None:
            found[name] = _compared(name, made, prepare_s, batch, wanted, atol)
    able = {n: m.run for n, (m, _, _) in built.items() if m is not None and not found[n].problem}
    took = taken_s({name: partial(run, batch) for name, run in able.items()}, repeats)
    for name, seconds in took.items():
        one = found[name]
        found[name] = Measured(
            name, one.batch, 1000 * seconds, took[EAGER] / seconds, one.difference, one.prepare_s,
            one.provider,
        )  # fmt: skip
    return list(found.values())


def _required(built: Mapping[str, tuple[Built | None, float, str]]) -> Run:
    made, _, problem = built[EAGER]
    if made is None:
        raise DeviceError(problem)
    return made.run


def _compared(
    name: str,
    made: Built,
    prepare_s: float,
    batch: Tensors,
    wanted: Sequence[NDArray[Any]],
    atol: float,
) -> Measured:
    began = time.perf_counter()
    try:
        for _ in range(2):
            got = made.run(batch)
    except (AssayError, RuntimeError, ValueError, TypeError) as error:
        return Measured(name, _n(batch), problem=_short(error))
    prepare_s += time.perf_counter() - began
    apart = difference(wanted, got)
    problem = "" if apart <= atol else f"It differs from the network by {apart:g}."
    return Measured(
        name, _n(batch), difference=apart, prepare_s=prepare_s, provider=made.provider,
        problem=problem,
    )  # fmt: skip


def _torch(module: Callable[..., Any], device: str) -> Run:
    def run(inputs: Tensors) -> list[NDArray[Any]]:
        # Not inference_mode: TorchInductor freezes weights under no_grad alone.
        with torch.no_grad():
            made = _listed(module(**{name: tensor.to(device) for name, tensor in inputs.items()}))
        return [tensor.float().cpu().numpy() for tensor in made]

    return run


def _listed(made: Any) -> list[torch.Tensor]:
    if isinstance(made, Mapping):
        return list(made.values())
    return list(made) if isinstance(made, list | tuple) else [made]


def _n(batch: Tensors) -> int:
    return int(next(iter(batch.values())).shape[0])


def _short(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
