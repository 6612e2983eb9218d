"""Say by the exit status whether one part of the product works: `health.py web|worker|models`."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys

WAIT_S = 20


def web() -> bool:
    """Ask the page that reads the database."""
    port = int(os.environ.get("ASSAY_PORT", "8000"))
    allowed = os.environ.get("ASSAY_ALLOWED_HOSTS") or "localhost"
    host = allowed.split(",")[0].strip().lstrip(".").replace("*", "localhost")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    try:
        # As a proxy in front of it would ask; else it would send this one to https.
        headers = {"Host": host, "X-Forwarded-Proto": "https"}
        connection.request("GET", "/healthz", headers=headers)
        return connection.getresponse().status == 200
    except OSError:
        return False


def worker() -> bool:
    """Ask the worker of this machine by the broker, as those do who send it work."""
    name = os.environ.get("ASSAY_WORKER_NAME") or f"celery@{socket.gethostname()}"
    command = [
        sys.executable, "-m", "celery", "--quiet", "-A", "apps.config.celery",
        "inspect", "ping", "--destination", name, "--timeout", "10",
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603  our own command
    return done.returncode == 0


def models() -> bool:
    """Open the socket that questions come by."""
    home = os.environ.get("ASSAY_HOME", "/var/lib/assay")
    path = os.environ.get("ASSAY_MODELS_SOCKET") or f"{home}/run/models.sock"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WAIT_S)
        return connection.connect_ex(path) == 0


if __name__ == "__main__":
    sys.exit(0 if {"web": web, "worker": worker, "models": models}[sys.argv[1]]() else 1)
