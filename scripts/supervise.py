"""Run web, worker and beat as one process in the foreground, and stop them all with it.

`supervise.py web` (or worker, beat, models) becomes that part alone, for those who supervise.

Uses the standard library alone, so that it starts at once and cannot fail with what it watches.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
HOME = Path(os.environ.get("ASSAY_HOME") or ROOT / "var").resolve()
HOST = os.environ.get("ASSAY_HOST", "127.0.0.1")
PORT = os.environ.get("ASSAY_PORT", "8000")
STOP_AFTER_S = 10.0
LONGEST_PAUSE_S = 30.0


def say(text: str) -> None:
    """Write a line for the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def die_with_parent() -> None:
    """Ask Linux to end this child when the supervisor is gone, even if it was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@dataclass
class Child:
    """One supervised process, started again when it ends, ever more slowly if it ends soon."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    pause_s: float = field(default=1.0)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  our own commands
            self.command,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )

    def watch(self) -> None:
        """Start it again if it has ended, after a pause that doubles while it keeps ending."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.signal(signal.SIGKILL)  # its children, should it have left any
        self.pause_s = 1.0 if now - self.started_at > 60 else min(2 * self.pause_s, LONGEST_PAUSE_S)
        self.process, self.due_at = None, now + self.pause_s
        say(f"{self.name} ended with {code}; it starts again in {self.pause_s:.0f} s")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and all that it started."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def ask_to_stop(self) -> None:
        """Ask the process itself; it tells its own children in its own order."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)


def children() -> list[Child]:
    """Return what makes up the product on one machine."""
    celery = [str(BIN / "celery"), "--quiet", "-A", "apps.config.celery"]
    web = [
        str(BIN / "granian"), "--interface", "asginl", "--host", HOST, "--port", PORT,
        "--workers", os.environ.get("ASSAY_WEB_WORKERS", "2"), "--no-ws", "--log-level", "warning",
        "--respawn-failed-workers", "--backlog", "2048", "apps.config.asgi:application",
    ]  # fmt: skip
    worker = [
        *celery, "worker", "--queues", os.environ.get("ASSAY_QUEUES", "cpu,gpu"),
        "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    beat = [*celery, "beat", "--loglevel", "WARNING", "--pidfile="]
    models = [str(BIN / "python"), "manage.py", "answer_questions"]
    return [
        Child("web", web), Child("worker", worker), Child("beat", beat), Child("models", models),
    ]  # fmt: skip


def become(name: str) -> NoReturn:
    """Turn into one part, which gets the signals then; all that it needs must have been made."""
    commands = {child.name: child.command for child in children()}
    if name not in commands:
        sys.exit(f"The part must be one of {', '.join(commands)}. Got {name!r}.")
    os.chdir(ROOT)
    os.execv(commands[name][0], commands[name])  # noqa: S606  our own command


def make_secrets() -> None:
    """Write the secrets at the first start, unless they come from the environment."""
    names = ("ASSAY_SECRET_KEY", "ASSAY_ENCRYPTION_KEY")
    if all(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in names):
        return
    sys.path.insert(0, str(ROOT))
    from apps.config.secrets_file import write_once  # noqa: PLC0415  needs the path above

    file = HOME / "secrets.env"
    if not file.exists() and write_once(file):
        say(f"\n  New secrets were written to {file}, which only you can read.")
        say("  KEEP A COPY in a safe place: without it no data and no model can be read again.")


def hold_home() -> IO[str]:
    """Take the folder of the installation; it is free again when this process ends.

    A second start on it would answer in the name of the first, and double all workers.
    """
    HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (HOME / ".running").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(
            f"Assay must run once for each folder. It runs on {HOME} already. "
            "Stop it first, or set ASSAY_HOME and ASSAY_PORT to others."
        )
    return lock


def prepare() -> None:
    """Migrate and collect files, unless nothing has changed since the last start."""
    make_secrets()
    stamp, now = HOME / ".prepared", _state_of_code()
    if stamp.is_file() and stamp.read_text("ascii") == now:
        return
    command = [str(BIN / "python"), "manage.py", "bootstrap"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:  # noqa: S603  our own command
        sys.exit("The installation could not be made ready; the reason stands above.")
    stamp.write_text(now, "ascii")


def _state_of_code() -> str:
    digest = hashlib.sha256(os.environ.get("DATABASE_URL", "").encode())
    for file in sorted((ROOT / "apps").glob("*/migrations/*.py")):
        digest.update(file.read_bytes())
    for file in (ROOT / "requirements.lock", ROOT / "frontend" / "dist" / ".built"):
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def is_answering() -> bool:
    """Tell whether the web process serves."""
    host = "127.0.0.1" if HOST in {"0.0.0.0", "::"} else HOST  # noqa: S104  compared, not bound
    # As a proxy would ask: with ASSAY_HTTPS it would lead to a port that is not ours.
    asked = urllib.request.Request(
        f"http://{host}:{PORT}/healthz", headers={"X-Forwarded-Proto": "https"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=1) as answer:  # noqa: S310  as above
            return bool(answer.status == 200)
    except urllib.error.HTTPError as refusal:
        return refusal.code < 500  # it answers, to other names than this one
    except (urllib.error.URLError, OSError):
        return False


def stop(running: list[Child]) -> None:
    """Ask all to stop, wait, and end what is left with all its children."""
    say("\nStopping; running jobs go on at the next start.")
    for child in running:
        child.ask_to_stop()
    until = time.monotonic() + STOP_AFTER_S
    alive = [child for child in running if child.process is not None]
    while time.monotonic() < until and any(c.process and c.process.poll() is None for c in alive):
        time.sleep(0.1)
    for child in alive:
        child.signal(signal.SIGKILL)
        if child.process is not None:
            child.process.wait()
    say("Stopped.")


def main() -> int:
    """Run until told to stop."""
    if sys.stdout.isatty():
        os.environ.setdefault("ASSAY_LOG_JSON", "0")
    os.environ.setdefault("NUMBA_THREADING_LAYER", "workqueue")
    if len(sys.argv) > 1:
        become(sys.argv[1])
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: asked.append(got))
    held = hold_home()
    prepare()
    running = children()
    is_told = False
    while not asked:
        for child in running:
            child.watch()
        if not is_told and is_answering():
            is_told = True
            say(
                f"\n  Assay is ready: http://{'localhost' if HOST == '127.0.0.1' else HOST}:{PORT}/"
            )
            say("  Stop it with Ctrl-C.\n")
        time.sleep(0.3)
    stop(running)
    held.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
