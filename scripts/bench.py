"""Run every benchmark, one after the other; one that fails stops none of the others.

A script whose data is missing says "Skipped: ..." and ends well. At the end it is told which were
skipped and which failed; the exit code is 1 if any failed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks"
LAST = "claims"  # it collects what the others have written
# Scripts that are one claim with each of these arguments.
VARIANTS: dict[str, list[list[str]]] = {
    "fraud_protocol": [["--protocol", "A"], ["--protocol", "B"]],
}
DONE, FAILED, STOPPED = 0, 1, 130
STOP_S = 60  # what a script may take to end its servers


def commands(folder: Path) -> list[list[str]]:
    """Return the command lines, in the order in which they are run."""
    scripts = sorted(folder.glob("[a-z]*.py"), key=lambda path: (path.stem == LAST, path.stem))
    return [[str(path), *more] for path in scripts for more in VARIANTS.get(path.stem, [[]])]


def run_all(folder: Path) -> int:
    """Run all scripts of a folder, and return the exit code."""
    failed, skipped = [], []
    for command in commands(folder):
        name = " ".join([Path(command[0]).stem, *command[1:]])
        _say(f"== {name}")
        code, reason = _run(command)
        if code:
            failed.append(f"{name} (exit code {code})")
        elif reason:
            skipped.append(f"{name}: {reason}")
    _say("\n== Summary")
    for title, names in (("Skipped", skipped), ("FAILED", failed)):
        for name in names:
            _say(f"{title}  {name}")
    if not failed:
        _say("No benchmark failed.")
    return FAILED if failed else DONE


def _run(command: list[str]) -> tuple[int, str]:
    """Run one script, showing what it says; returns its exit code, and why it was skipped."""
    skipped = ""
    # A group of its own: Ctrl-C reaches it once, through us, and it can tidy up in peace.
    process = subprocess.Popen(  # noqa: S603  our own scripts
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0
    )
    try:
        for text in process.stdout or ():
            sys.stdout.write(text)
            sys.stdout.flush()
            if text.startswith("Skipped: "):
                skipped = text.removeprefix("Skipped: ").strip()
        return process.wait(), skipped
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_S)
        raise
    finally:
        process.kill()
        process.wait()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(run_all(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
    except KeyboardInterrupt:
        _say("Stopped. What was measured until then is kept.")
        sys.exit(STOPPED)
