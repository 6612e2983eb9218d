"""The services of compose.yml as processes of this machine: their own commands, read from it."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from tests.docker.files import DOCKER, ROOT, compose, entrypoint, interpolated, variables
from tests.e2e.product import free_port, wait_for

if TYPE_CHECKING:
    from pathlib import Path

# What the small image lacks may not be there for its processes either.
_BLOCK = """
import re, sys
from importlib.metadata import packages_distributions
rules = [re.compile(line) for line in open({heavy!r}).read().split()]
def is_heavy(owner):
    return any(rule.fullmatch(owner.lower().replace("_", "-")) for rule in rules)
gone = {{name for name, owners in packages_distributions().items() if all(map(is_heavy, owners))}}
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in gone:
            raise ModuleNotFoundError(f"the small image has no {{name}}", name=name)
sys.meta_path.insert(0, Gone())
"""


@dataclass
class Host:
    """A machine on which the services of compose.yml run."""

    folder: Path
    postgres: str
    port: int = field(default_factory=free_port)
    redis_port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("home", "redis", "small"):
            (self.folder / name).mkdir()
        self.make_secrets()
        block = _BLOCK.format(heavy=str(DOCKER / "heavy.txt"))
        (self.folder / "small" / "sitecustomize.py").write_text(block, "utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def make_secrets(self) -> None:
        """Make the secrets by the script, and put this machine's addresses into two of them."""
        subprocess.run([DOCKER / "make-secrets.sh", self.secrets], check=True)  # noqa: S603
        broker = self.secrets / "broker_url"
        text = broker.read_text().replace("broker:6379", f"127.0.0.1:{self.redis_port}")
        for name, value in (("broker_url", text), ("database_url", self.postgres)):
            (self.secrets / name).unlink()
            (self.secrets / name).write_text(value, "utf-8")

    def environment(self, service: str) -> dict[str, str]:
        """Return the environment of a container, with this machine's folders and ports."""
        said = compose()["services"][service]
        target = said["image"].removeprefix("assay-")
        env = variables(target) | said["environment"]
        env = {name: interpolated(value, {}) for name, value in env.items()}
        env = {n: v.replace("/run/secrets", str(self.secrets)) for n, v in env.items()}
        env = {n: v.replace("/var/lib/assay", str(self.folder / "home")) for n, v in env.items()}
        path = f"{ROOT}/.venv/bin:{os.environ['PATH']}"
        own = {"PATH": path, "HOME": str(self.folder), "ASSAY_HOST": "127.0.0.1"}
        own |= {"ASSAY_PORT": str(self.port), "ASSAY_LOG_JSON": "0"}
        small = {"PYTHONPATH": str(self.folder / "small")} if target == "web" else {}
        return env | own | small

    def start(self, service: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a service of ours by the entry point of its image."""
        said = compose()["services"][service]
        target = said["image"].removeprefix("assay-")
        program, *rest = entrypoint(target)
        command = [program.replace("/opt/assay", str(ROOT)), *rest, *said["command"]]
        return self._start(service, command, self.environment(service) | env)

    def start_broker(self) -> subprocess.Popen[bytes]:
        """Start Redis as the service does, in a folder and at a port of its own."""
        command = [interpolated(word, {}) for word in compose()["services"]["broker"]["command"]]
        here = f"dir {self.folder / 'redis'}\nport {self.redis_port}\nbind 127.0.0.1"
        command = [
            word.replace("/run/secrets", str(self.secrets)).replace("dir /data", here)
            for word in command
        ]
        return self._start("broker", command, dict(os.environ))

    def _start(
        self, service: str, command: list[str], env: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        with self.log(service).open("ab") as log:
            started = subprocess.Popen(  # noqa: S603  our own commands
                command, cwd=self.folder, env=env, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.running[service] = started
        return started

    def is_healthy(self, service: str) -> bool:
        """Run the health check of a service's image."""
        process = self.running[service]
        assert process.poll() is None, f"{service} ended:\n{self.tail(service)}"
        kind = {"gpu-worker": "worker"}.get(service, service)
        done = subprocess.run(  # noqa: S603  our own command
            [f"{ROOT}/.venv/bin/python", DOCKER / "health.py", kind],
            cwd=ROOT, env=self.environment(service), check=False,
        )  # fmt: skip
        return done.returncode == 0

    def wait_until_healthy(self, *services: str) -> None:
        for service in services:
            wait_for(f"Health of {service}", lambda s=service: self.is_healthy(s), 120, 0.5)

    def stop(self, service: str) -> int:
        """Ask a service to stop as the engine does, and return its exit status."""
        process = self.running.pop(service)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        grace = compose()["services"][service].get("stop_grace_period", "10s")
        code = process.wait(int(grace.removesuffix("s")))
        left = psutil.wait_procs(children, timeout=3)[1]
        assert not left, f"{service} left {left}"
        return code

    def kill_all(self) -> None:
        for process in self.running.values():
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait(5)

    def log(self, service: str) -> Path:
        return self.folder / f"{service}.log"

    def tail(self, service: str, n_lines: int = 60) -> str:
        text = self.log(service).read_text("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-n_lines:])
