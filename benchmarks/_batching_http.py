"""The product's own process and LitServe under one load over HTTP, and a start anew."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from django.conf import settings

from apps.answers.client import ask
from apps.answers.wire import Question
from benchmarks._load import Trial, most
from benchmarks._served_models import encoded, write_cnn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

HERE = Path(__file__).parent
START_S = 120.0
LITSERVE = ((1, 0.0), (32, 0.001), (32, 0.005))  # most rows, seconds to wait for them
ROUNDS = 3
N_ASKED = 150
EACH_S = 0.04


class Asker:
    """Sends requests from one event loop in a thread, each over a connection of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def to(self, place: Path | int, route: str) -> Any:
        """Return what submits a body to a Unix socket or a port."""

        def submit(body: bytes) -> Future[None]:
            return asyncio.run_coroutine_threadsafe(_post(place, route, body), self.loop)

        return submit


async def _post(place: Path | int, route: str, body: bytes) -> None:
    head = (
        f"POST {route} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    if isinstance(place, Path):
        reader, writer = await asyncio.open_unix_connection(place)
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", place)
    writer.write(head.encode() + body)
    status = await reader.readline()
    await reader.read()
    writer.close()
    if b" 200 " not in status:
        raise RuntimeError(status.decode())


def bodies() -> list[bytes]:
    question = {"model": "cnn", "files": {}, "settings": {}}
    return [json.dumps({**question, "row": {"picture": one}}).encode() for one in encoded(32)]


def over_http(litserve: Path, budget_ms: float, seconds: float) -> tuple[float, float]:
    """Return the rates of ours and of LitServe's best setting, each within the budget."""
    asker, systems = Asker(), {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        onnx = write_cnn(Path(folder) / "cnn.onnx")
        place = Path(folder) / "models.sock"
        processes = {"ours": stack.enter_context(_ours(place, onnx, budget_ms))}
        systems["ours"] = asker.to(place, "/")
        for size, wait_s in LITSERVE:
            port = _free_port()
            words = [str(litserve), "_litserve_server.py", str(port), str(onnx), str(size)]
            name = f"litserve {size} {wait_s}"
            processes[name] = stack.enter_context(_process([*words, str(wait_s)], port))
            systems[name] = asker.to(port, "/predict")
        sent = bodies()
        for submit in systems.values():
            for body in sent[:20]:
                submit(body).result(60)
        for process in processes.values():
            os.killpg(process.pid, signal.SIGSTOP)

        @contextmanager
        def turn(name: str) -> Iterator[None]:
            # A worker of LitServe asks for work without a pause: each runs in its own turn alone.
            os.killpg(processes[name].pid, signal.SIGCONT)
            yield
            os.killpg(processes[name].pid, signal.SIGSTOP)

        sweep = most(systems, 30.0, Trial(sent, budget_ms, seconds, 1, turn))
        best = max((n for n in sweep if n != "ours"), key=lambda name: sweep[name].rate)
        chosen = {name: systems[name] for name in ("ours", best)}
        found = most(chosen, 0.5 * sweep[best].rate, Trial(sent, budget_ms, seconds, ROUNDS, turn))
    print(f"  over HTTP: ours {found['ours'].rate:.0f}/s, {best} {found[best].rate:.0f}/s")
    return found["ours"].rate, found[best].rate


def lost_in_restart() -> int:
    """Count questions without an answer while the process ends and another takes its place."""
    errors: list[Exception] = []

    def one(picture: str) -> None:
        try:
            ask(Question("cnn", {"picture": picture}))
        except Exception as error:  # noqa: BLE001  whatever it is, it is a lost question
            errors.append(error)

    with tempfile.TemporaryDirectory() as folder:
        onnx = write_cnn(Path(folder) / "cnn.onnx")
        place = Path(folder) / "models.sock"
        settings.ASSAY_MODELS_SOCKET, settings.ASSAY_MODELS_PATIENCE_S = str(place), START_S
        pictures = encoded(8)
        threads = [threading.Thread(target=one, args=(pictures[n % 8],)) for n in range(N_ASKED)]
        with _ours(place, onnx, 50.0):
            for thread in threads[: N_ASKED // 3]:
                thread.start()
                time.sleep(EACH_S)
            asking = threading.Thread(target=_start_each, args=(threads[N_ASKED // 3 :],))
            asking.start()
        with _ours(place, onnx, 50.0):
            asking.join()
            for thread in threads:
                thread.join()
    print(f"restart: {N_ASKED} asked, {len(errors)} lost {errors[:1]}")
    return len(errors)


def _start_each(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
        time.sleep(EACH_S)


def _ours(place: Path, onnx: Path, budget_ms: float) -> Any:
    words = [sys.executable, "_ask_server.py", str(place), str(onnx), str(budget_ms)]
    return _process(words, place)


@contextmanager
def _process(words: list[str], place: Path | int) -> Iterator[subprocess.Popen[bytes]]:
    words[1] = str(HERE / words[1])
    process = subprocess.Popen(words, start_new_session=True)  # noqa: S603  our own scripts
    try:
        _wait_for(place, process)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):  # children that it left
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for(place: Path | int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        family = socket.AF_UNIX if isinstance(place, Path) else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as link:
            try:
                link.connect(str(place) if isinstance(place, Path) else ("127.0.0.1", place))
            except OSError:
                time.sleep(0.1)
            else:
                return
    message = f"{process.args} did not start."
    raise RuntimeError(message)


def _free_port() -> int:
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return int(link.getsockname()[1])
