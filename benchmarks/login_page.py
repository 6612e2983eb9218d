"""How long the login page takes when twenty people open it at the same time.

Give the address of a running installation: `python benchmarks/login_page.py http://localhost:8000`.
Without one, it starts the web process itself, in a home that is thrown away.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from apps.config.secrets_file import fresh
from benchmarks._record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PAGE = "/accounts/login/"
PORT = 8917


def measure(address: str, *, clients: int, seconds: float) -> list[float]:
    """Return how many milliseconds each request took, clients asking one after the other."""
    parts = urlsplit(address)
    until = time.perf_counter() + seconds

    def ask(_client: int) -> list[float]:
        times = []
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        while time.perf_counter() < until:
            started = time.perf_counter()
            connection.request("GET", PAGE)
            answer = connection.getresponse()
            body = answer.read()
            times.append(1000 * (time.perf_counter() - started))
            if answer.status != 200 or b"csrfmiddlewaretoken" not in body:
                raise SystemExit(f"The login page must answer 200. Got {answer.status}.")
        connection.close()
        return times

    with ThreadPoolExecutor(clients) as pool:
        return sorted(ms for times in pool.map(ask, range(clients)) for ms in times)


@contextmanager
def own_server() -> Iterator[str]:
    """Run the web process as `make run` does, in a home of its own."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as home:
        environment = os.environ | fresh() | {"ASSAY_HOME": home}
        python = [sys.executable, "manage.py", "bootstrap", "--no-demo"]
        quiet: dict[str, Any] = {"cwd": ROOT, "env": environment, "stdout": subprocess.DEVNULL}
        subprocess.run(python, check=True, **quiet)  # noqa: S603  our own command
        web = [
            str(Path(sys.executable).parent / "granian"), "--interface", "asginl", "--workers", "2",
            "--port", str(PORT), "--no-ws", "--log-level", "warning",
            "apps.config.asgi:application",
        ]  # fmt: skip
        process = subprocess.Popen(web, stderr=subprocess.DEVNULL, **quiet)  # noqa: S603  as above
        try:
            _wait(f"http://127.0.0.1:{PORT}")
            yield f"http://127.0.0.1:{PORT}"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(address: str) -> None:
    for _ in range(100):
        try:
            measure(address, clients=1, seconds=0.1)
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise SystemExit("The web process did not start within 30 s.")


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", nargs="?")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15)
    given = parser.parse_args()
    if given.address:
        result = _figures(given.address, given.clients, given.seconds)
    else:
        with own_server() as address:
            result = _figures(address, given.clients, given.seconds)
    print("  ".join(f"{name} {value:,.1f}" for name, value in result.items()))
    record("login_page", figures=result)


def _figures(address: str, clients: int, seconds: float) -> dict[str, float]:
    measure(address, clients=clients, seconds=2)  # warm up
    times = measure(address, clients=clients, seconds=seconds)
    cuts = statistics.quantiles(times, n=100)
    return {
        "clients": clients,
        "requests": len(times),
        "requests_per_s": len(times) / seconds,
        "median_ms": cuts[49],
        "p95_ms": cuts[94],
        "p99_ms": cuts[98],
        "worst_ms": times[-1],
    }


if __name__ == "__main__":
    main()
