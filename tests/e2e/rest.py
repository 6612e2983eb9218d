"""The REST interface as a program of somebody else would call it: a key, and JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from pathlib import Path

ENDED = {"succeeded", "failed", "rejected", "cancelled"}


class Rest:
    """A client with an API key."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON of an address below /api/v1/."""
        return self._answer(self._session.get(self._at(path), params=query, timeout=120))

    def post(self, path: str, **fields: object) -> Any:
        """Send JSON and return JSON."""
        return self._answer(self._session.post(self._at(path), json=fields, timeout=120))

    def send_file(self, path: str, file: Path, **fields: str) -> Any:
        """Send a form with a file, streamed by the client's library, and return JSON."""
        with file.open("rb") as stream:
            answer = self._session.post(
                self._at(path), data=fields, files={"file": (file.name, stream)}, timeout=600
            )
        return self._answer(answer)

    def status(self, path: str) -> int:
        """Return the status alone."""
        return self._session.get(self._at(path), timeout=60).status_code

    def content(self, path: str, **query: object) -> bytes:
        """Return the bytes of a download."""
        answer = self._session.get(self._at(path), params=query, timeout=600)
        assert answer.ok, f"{answer.status_code} {answer.text[:2000]}"
        return answer.content

    def wait_for_job(self, job_id: str, timeout_s: float = 300, every_s: float = 0.3) -> Any:
        """Return a job as it ended."""
        end = time.monotonic() + timeout_s
        while True:
            job = self.get(f"jobs/{job_id}/")
            if job["state"] in ENDED:
                return job
            assert time.monotonic() < end, f"a job did not end in {timeout_s:g} s: {job}"
            time.sleep(every_s)

    def finish(self, job_id: str, timeout_s: float = 300) -> Any:
        """Return a job that must succeed."""
        job = self.wait_for_job(job_id, timeout_s)
        assert job["state"] == "succeeded", job
        return job

    # --- what journeys begin with ------------------------------------------------------------
    def bring(self, file: Path, name: str = "", solution: str = "fraud") -> str:
        """Bring a file whose columns map by themselves; returns its ready version."""
        fields = {"solution": solution, "name": name or file.stem, "mapping": "auto"}
        version = self.send_file("datasets/", file, **fields)
        self.finish(version["job"])
        return str(version["id"])

    def train(self, version: str, options: dict[str, object]) -> Any:
        """Start a training."""
        return self.post("solutions/fraud/trainings/", dataset_version=version, options=options)

    def score(self, version: str, **choices: object) -> Any:
        """Start a scoring."""
        return self.post("solutions/fraud/predictions/", dataset_version=version, **choices)

    def _at(self, path: str) -> str:
        return path if path.startswith("http") else f"{self.url}/api/v1/{path}"

    @staticmethod
    def _answer(answer: requests.Response) -> Any:
        assert answer.ok, f"{answer.status_code} {answer.url}: {answer.text[:2000]}"
        return answer.json()
