"""How to call the REST interface, ready to be copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solutions.api import Solution


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code with a title."""

    title: str
    code: str


_CURL = """\
# A key is made under Settings.
export ASSAY_KEY=assay_...

# 1. Upload; columns that leave no question are mapped and checked at once.
curl -sS {url}/api/v1/datasets/ -H "Authorization: Bearer $ASSAY_KEY" \\
  -F solution={slug} -F name="My data" -F file=@data.csv

# 2. When the version is ready, score it (VERSION is the id from step 1).
curl -sS {url}/api/v1/solutions/{slug}/predictions/ -H "Authorization: Bearer $ASSAY_KEY" \\
  -H "Content-Type: application/json" -d '{{"dataset_version": "VERSION"}}'
"""

_PYTHON = """\
import os
import time

import requests

session = requests.Session()
session.headers["Authorization"] = "Bearer " + os.environ["ASSAY_KEY"]
api = "{url}/api/v1"

with open("data.csv", "rb") as file:
    about = {{"solution": "{slug}", "name": "My data"}}
    answer = session.post(f"{{api}}/datasets/", data=about, files={{"file": file}})
answer.raise_for_status()
version = answer.json()
while version["state"] == "checking":
    time.sleep(1)
    version = session.get(f"{{api}}/dataset-versions/{{version['id']}}/").json()
print(version["state"], version["n_rows"], version["issues"][:3])

asked = {{"dataset_version": version["id"]}}
answer = session.post(f"{{api}}/solutions/{slug}/predictions/", json=asked)
answer.raise_for_status()
print(answer.json())
"""


def snippets(solution: Solution[Any], url: str) -> list[Snippet]:
    """Return how to upload and score with curl and with Python."""
    return [
        Snippet("curl", _CURL.format(url=url, slug=solution.slug)),
        Snippet("Python", _PYTHON.format(url=url, slug=solution.slug)),
    ]
