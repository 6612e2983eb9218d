"""What a team has made, for the journeys that look at it: a dataset, a live model, a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.rest import Rest

QUICK_NET = {"epochs": 3, "hidden": 16, "alerts_per_day": 5}


@dataclass(frozen=True)
class World:
    """Numbers of things that exist."""

    dataset: str
    version: str
    new_version: str
    rejected: str
    run: str
    train_job: str
    model: str
    prediction: str
    score_job: str
    alert_row: int

    def things(self) -> dict[str, str]:
        """Return the addresses of everything that belongs to the team."""
        return {
            "dataset": f"/datasets/{self.dataset}/",
            "version": f"/datasets/versions/{self.version}/",
            "rejected": f"/datasets/versions/{self.rejected}/",
            "job": f"/jobs/{self.score_job}/",
            "job-of-training": f"/jobs/{self.train_job}/",
            "run": f"/runs/{self.run}/",
            "model": f"/models/{self.model}/",
            "result": f"/results/{self.prediction}/",
            "alert": f"/results/{self.prediction}/rows/{self.alert_row}/",
        }

    def pages(self) -> dict[str, str]:
        """Return the addresses of every page that an analyst can open."""
        lists = {
            "dashboard": "/", "solutions": "/solutions/", "solution": "/solutions/fraud/",
            "datasets": "/datasets/", "upload": "/datasets/upload/", "jobs": "/jobs/",
            "runs": "/runs/", "models": "/models/", "results": "/results/",
            "train": f"/solutions/fraud/train/?version={self.version}",
            "score": f"/solutions/fraud/score/?version={self.new_version}",
            "schedules": "/schedules/", "new-policy": "/schedules/new/fraud/",
            "settings": "/settings/", "keys": "/settings/keys/", "api": "/api/docs/",
            "benchmarks": "/benchmarks/",
        }  # fmt: skip
        return lists | self.things()


def make_world(rest: Rest, files: Path) -> World:
    """Bring two files, train on one, score the other; one more file is refused."""
    version = rest.bring(files / "payments.csv", "Payments of January")
    new_version = rest.bring(files / "new payments.csv", "Payments of this week")
    refused = rest.send_file(
        "datasets/", files / "errors.csv", solution="fraud", name="With errors", mapping="auto"
    )
    assert rest.wait_for_job(refused["job"])["state"] == "rejected"
    run = rest.train(version, QUICK_NET)
    rest.finish(run["job"])
    prediction = rest.score(new_version)
    rest.finish(prediction["job"])
    alerts = rest.get(f"predictions/{prediction['id']}/rows/", alert_only="true")
    return World(
        dataset=rest.get(f"dataset-versions/{version}/")["dataset"],
        version=version,
        new_version=new_version,
        rejected=refused["id"],
        run=run["id"],
        train_job=run["job"],
        model=rest.get(f"runs/{run['id']}/")["model"],
        prediction=prediction["id"],
        score_job=prediction["job"],
        alert_row=alerts["results"][0]["row"],
    )
