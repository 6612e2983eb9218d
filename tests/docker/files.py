"""What docker/Dockerfile and docker/compose.yml say, read for tests."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"


@cache
def compose() -> dict[str, Any]:
    """Return the whole of compose.yml; anchors and merges are resolved by the parser."""
    text = (DOCKER / "compose.yml").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def product_services() -> dict[str, dict[str, Any]]:
    """Return the services that run our own images."""
    services = compose()["services"]
    return {n: s for n, s in services.items() if str(s.get("image", "")).startswith("assay-")}


def interpolated(text: object, given: dict[str, str]) -> str:
    """Replace ${NAME:-default} and $$ as the engine does."""
    found = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: given.get(m[1]) or m[2], str(text))
    return found.replace("$$", "$")


@cache
def stages() -> dict[str, list[tuple[str, str]]]:
    """Return the instructions of each stage of the Dockerfile; FROM is the first of them."""
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, list[tuple[str, str]]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found[rest.split(" AS ")[1]] = []
        list(found.values())[-1].append((word, rest.strip()))
    return found


def lineage(target: str) -> list[tuple[str, str]]:
    """Return the instructions of a stage after those of the stages that it stands on."""
    own = stages()[target]
    parent = own[0][1].split(" AS ")[0]
    return [*(lineage(parent) if parent in stages() else []), *own]


def last(target: str, word: str) -> str:
    """Return the argument of the last such instruction, the one that holds."""
    return [rest for name, rest in lineage(target) if name == word][-1]


def entrypoint(target: str) -> list[str]:
    """Return what a container of an image starts, without the process that reaps zombies."""
    words: list[str] = json.loads(last(target, "ENTRYPOINT"))
    return words[words.index("--") + 1 :]


def variables(target: str) -> dict[str, str]:
    """Return the environment of an image."""
    found: dict[str, str] = {}
    for name, rest in lineage(target):
        if name == "ENV":
            found.update(re.findall(r"(\w+)=(\S+)", rest))
    return found
