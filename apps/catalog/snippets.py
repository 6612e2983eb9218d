"""How to call the REST interface, ready to be copied, for what a solution takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_core.data.schema import Column, Schema
    from solutions.api import Solution

FILE_KINDS = ("image", "audio")
_NAMES = {"image": "picture.jpg", "audio": "sound.wav"}


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code for one purpose, in two languages; `language` is "curl" or "python"."""

    title: str
    text: str
    curl: str
    python: str

    def code(self, language: str) -> str:
        """Return the code in a language."""
        return self.python if language == "python" else self.curl


_CURL_KEY = """\
# A key is made under Settings.
export ASSAY_KEY="${{ASSAY_KEY:-assay_...}}"

"""
_PYTHON_START = """\
import os
import time

import requests

session = requests.Session()
session.headers["Authorization"] = "Bearer " + os.environ["ASSAY_KEY"]
api = "{url}/api/v1"


def read(answer):
    if not answer.ok:
        raise SystemExit(answer.text)  # what is wrong, and what to do
    return answer.json()

"""

_CURL_FILE = """\
# 1. Upload; {once} is checked at once.
curl -sS --fail-with-body {url}/api/v1/datasets/ -H "Authorization: Bearer $ASSAY_KEY" \\
  -F solution={slug} -F name="My data" -F file=@{file} > version.json
VERSION=$(grep -o '"id":"[^"]*"' version.json | head -n 1 | cut -d '"' -f 4)

# 2. Wait until it is ready.
while curl -sS "{url}/api/v1/dataset-versions/$VERSION/" -H "Authorization: Bearer $ASSAY_KEY" \\
  | grep -q '"state":"checking"'; do sleep 1; done

# 3. Score it; the answer names the job and the result.
curl -sS --fail-with-body {url}/api/v1/solutions/{slug}/predictions/ \\
  -H "Authorization: Bearer $ASSAY_KEY" -H "Content-Type: application/json" \\
  -d "{{\\"dataset_version\\": \\"$VERSION\\"}}"
"""
_PYTHON_FILE = """
with open("{file}", "rb") as file:
    about = {{"solution": "{slug}", "name": "My data"}}
    answer = session.post(f"{{api}}/datasets/", data=about, files={{"file": file}})
version = read(answer)
while version["state"] == "checking":
    time.sleep(1)
    version = read(session.get(f"{{api}}/dataset-versions/{{version['id']}}/"))
print(version["state"], version["n_rows"], version["issues"][:3])

asked = {{"dataset_version": version["id"]}}
print(read(session.post(f"{{api}}/solutions/{slug}/predictions/", json=asked)))
"""
_CURL_ROW = """\
curl -sS --fail-with-body {url}/api/v1/solutions/{slug}/answers/ \\
  -H "Authorization: Bearer $ASSAY_KEY"{parts}
"""
_PYTHON_ROW = """
{files}row = {row}
answer = session.post(
    f"{{api}}/solutions/{slug}/answers/",
    data={{"row": json.dumps(row)}},{sent}
)
print(read(answer)["output"])
"""


def snippets(solution: Solution[Any], url: str) -> list[Snippet]:
    """Return how to ask about one row, where that takes a file, and how to score a file."""
    schema = solution.inputs()
    files = [column for column in schema.columns if column.kind in FILE_KINDS]
    found = [_one_row(solution.slug, url, schema, files)] if files else []
    return [*found, _whole_file(solution.slug, url, has_pictures=bool(files))]


def _whole_file(slug: str, url: str, *, has_pictures: bool) -> Snippet:
    file = "pictures.zip" if has_pictures else "data.csv"
    once = "an archive" if has_pictures else "a table whose columns leave no question"
    text = (
        "A ZIP with the pictures; labels in YOLO, COCO or Pascal VOC, or a CSV, may lie in it."
        if has_pictures
        else "A CSV or Parquet with the columns below; other names are mapped."
    )
    values = {"url": url, "slug": slug, "file": file, "once": once}
    return Snippet(
        "Score a file", text,
        (_CURL_KEY + _CURL_FILE).format(**values),
        (_PYTHON_START + _PYTHON_FILE).format(**values),
    )  # fmt: skip


def _one_row(slug: str, url: str, schema: Schema, files: list[Column]) -> Snippet:
    """Show a row with what must be given, each file as a part named like its column."""
    needed = [column for column in files if column.required] or files[:1]
    row = {c.name: _example(c) for c in schema.required if c.kind not in FILE_KINDS}
    parts = [f"-F {column.name}=@{_NAMES[column.kind]}" for column in needed]
    if row:
        parts.insert(0, f"-F row='{json.dumps(row)}'")
    opened = "".join(f'{column.name} = open("{_NAMES[column.kind]}", "rb")\n' for column in needed)
    listed = ", ".join(f'"{column.name}": {column.name}' for column in needed)
    start = _PYTHON_START.replace("import os\nimport time\n", "import json\nimport os\n")
    curl = _CURL_ROW.format(url=url, slug=slug, parts="".join(f" \\\n  {part}" for part in parts))
    python = _PYTHON_ROW.format(
        slug=slug, row=json.dumps(row), files=opened, sent=f"\n    files={{{listed}}},"
    )
    return Snippet(
        "Ask about one", "The answer comes at once, with what the model makes of it.",
        _CURL_KEY.format() + curl, start.format(url=url) + python,
    )  # fmt: skip


def _example(column: Column) -> str | float:
    """Return a value that fits a column."""
    if column.kind == "number":
        return column.minimum if column.minimum is not None else 1.0
    if column.kind == "time":
        return "2026-01-31T12:00:00Z"
    return "How many are there?" if column.kind == "text" else "A1"
