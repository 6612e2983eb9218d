"""The product as an installation runs it: all its processes, in a home of its own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil
import requests

from tests.databases import own_services

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
ADMIN, ADMIN_PASSWORD = "admin@example.org", "an admin for a test only"
STOP_S = 30.0
# What a test run sets for itself must not reach the installation under test.
_OWN = ("ASSAY_", "DATABASE_URL", "DJANGO_SETTINGS_MODULE", "PYTEST_")
_LIMITS = {"ASSAY_RATE_ANONYMOUS": "100000/min", "ASSAY_RATE_USER": "100000/min"}


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(
    what: str, ready: Callable[[], object], timeout_s: float, every_s: float = 0.1
) -> object:
    """Return the first true answer of `ready`; fails with `what` when there is none in time."""
    end = time.monotonic() + timeout_s
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {timeout_s:g} s.")
        time.sleep(every_s)


class Product:
    """One installation. `with Product(home) as product:` starts it and stops all of it."""

    def __init__(self, home: Path, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = self._environment(env or {})
        self.supervisor: subprocess.Popen[bytes] | None = None

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        own = {
            "ASSAY_HOME": str(self.home),
            "ASSAY_PORT": str(self.port),
            "ASSAY_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "ASSAY_LOG_JSON": "0",
            "DJANGO_SETTINGS_MODULE": "apps.config.settings",
            "PYTHONPATH": str(ROOT),
        }
        return {**kept, **_LIMITS, **own, **own_services(), **extra}

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # --- processes -------------------------------------------------------------------------
    def start(self) -> None:
        """Start what `make run` starts, and wait until it serves."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self.supervisor = subprocess.Popen(
                [sys.executable, "scripts/supervise.py"], cwd=ROOT, env=self.env,
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509
            )  # fmt: skip
        wait_for("A healthy answer", self.is_up, START_S)
        wait_for("A worker with its pool", self.pool, START_S)

    def is_up(self) -> bool:
        """Tell whether it answers; fails when it has ended."""
        assert self.supervisor is not None
        assert self.supervisor.poll() is None, f"it ended at its start:\n{self.log_tail()}"
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def stop(self) -> list[str]:
        """Ask the product to end; returns what was still alive afterwards, which is then killed."""
        if self.supervisor is None:
            return []
        supervisor, self.supervisor = self.supervisor, None
        children = _descendants(supervisor.pid)
        supervisor.send_signal(signal.SIGTERM)
        try:
            supervisor.wait(STOP_S)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait(5)
        return _end(psutil.wait_procs(children, timeout=3)[1])

    def part(self, name: str) -> psutil.Process | None:
        """Return the running process of "web", "worker" or "beat"; None while it is down."""
        assert self.supervisor is not None
        marks = {"web": "granian", "worker": "worker", "beat": "beat"}
        for child in psutil.Process(self.supervisor.pid).children():
            with contextlib.suppress(psutil.Error):
                line = child.cmdline()
                if child.status() != psutil.STATUS_ZOMBIE and _is_part(line, marks[name]):
                    return child
        return None

    def pool(self) -> list[psutil.Process]:
        """Return the processes that the worker has started, at all depths."""
        worker = self.part("worker")
        return _descendants(worker.pid) if worker else []

    def kill_worker(self) -> None:
        """Kill the worker as the kernel would, and wait until the supervisor has a new one.

        Only the worker itself is hit: what it had started has to notice by itself.
        """
        worker = self.part("worker")
        assert worker is not None, self.log_tail()
        children = _descendants(worker.pid)
        worker.send_signal(signal.SIGKILL)
        alive = _end(psutil.wait_procs(children, timeout=15)[1])
        assert not alive, f"outlived its killed worker: {alive}"
        wait_for("Another worker", lambda: self.part("worker") not in {None, worker}, START_S)

    # --- what it says ----------------------------------------------------------------------
    @property
    def log_file(self) -> Path:
        """Where all processes write what they say."""
        return self.home / "product.log"

    def log_tail(self, n_lines: int = 80) -> str:
        """Return the last lines, for the report of a failed test."""
        if not self.log_file.is_file():
            return ""
        text = self.log_file.read_text("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-n_lines:])

    # --- the command line ------------------------------------------------------------------
    def manage(self, *arguments: str, timeout_s: float = 120) -> str:
        """Run a command of `manage.py` on this installation and return what it prints."""
        done = subprocess.run(  # noqa: S603  our own command
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.env,
            capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"manage.py {arguments[0]}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def python(self, code: str) -> str:
        """Run Python with the product's models at hand and return what it prints."""
        start = "import django; django.setup()\n"
        done = subprocess.run(  # noqa: S603  our own command
            [sys.executable, "-c", start + code], cwd=ROOT, env=self.env,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def make_people(self) -> None:
        """Make Alice, Bob, Charlie, Dora and Ada, as the other tests know them."""
        self.python("from tests.people import make_people; make_people()")

    def make_key(self, email: str, *scopes: str) -> str:
        """Make an API key for a person and return it; without scopes it may do all they may."""
        return (
            self.python(
                "from apps.accounts.models import User\n"
                "from apps.accounts.policies import SCOPES, can\n"
                "from apps.accounts.services import current_team, make_key\n"
                f"user = User.objects.get(email={email!r})\n"
                f"scopes = {list(scopes)!r} or [s for s in SCOPES if can(user, s)]\n"
                "key, token = make_key(user=user, team=current_team(user), name='test',\n"
                "                      scopes=scopes, days=1)\n"
                "print(token)"
            )
            .strip()
            .splitlines()[-1]
        )


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _end_with_parent() -> None:
    """Let Linux end the product when the tests are killed before they can stop it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _is_part(line: list[str], mark: str) -> bool:
    return any(Path(word).name == mark for word in line[:6])


def _end(alive: list[psutil.Process]) -> list[str]:
    """Kill what should have ended by itself, and say what it was."""
    names = []
    for process in alive:
        with contextlib.suppress(psutil.Error):
            names.append(" ".join(process.cmdline()[:5]))
            process.kill()
    return names


def build_frontend() -> None:
    """Build the pages' scripts and styles, where they have changed or were never built."""
    subprocess.run([ROOT / "scripts" / "setup.sh", "front-end"], check=True)  # noqa: S603
