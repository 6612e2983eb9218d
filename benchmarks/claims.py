"""Collect what the other scripts have measured, claim by claim.

    python benchmarks/claims.py [--results FOLDER] [--json OUT]

Writes `claims.json`: one flat figure for each claim that was measured, the published one among the
peers, and beside them of each claim how it ended, by which device, when, and by which command.
Nothing is measured here. What is claimed stands in apps/benchmarks/claims.toml.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from apps.benchmarks.claims import Judged, all_claims, counts, judged
from benchmarks._record import RESULTS, describe_device, record


def collect(results: Path, out: Path) -> list[Judged]:
    """Judge every claim by a folder of results, write the file, and return them."""
    groups = judged(results)
    claims = all_claims(groups)
    measured = [one for one in claims if one.value is not None]
    figures = {one.claim.name: one.value for one in measured if one.value is not None}
    devices = sorted({one.device for one in measured})
    path = record(
        "claims",
        figures=figures | {f"claims_{name}": n for name, n in counts(groups).items()},
        peers={c.claim.name: c.claim.published for c in claims if c.claim.published is not None},
        device="; ".join(devices) or describe_device(),
        out=out,
    )
    content = json.loads(path.read_text())
    content["claims"] = {one.claim.name: _told(one) for one in claims}
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    return claims


def _told(one: Judged) -> dict[str, Any]:
    return {
        "verdict": one.verdict,
        "bound": one.bound_words,
        "device": one.device,
        "date": one.date.isoformat() if one.date else "",
        "command": one.command,
    }


def main() -> None:
    """Collect, and say each claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--json", type=Path, help="where to write the result")
    given = parser.parse_args()
    for one in collect(given.results, given.json or given.results / "claims.json"):
        words = {"missed": "NOT reached", "unmeasured": "not measured"}.get(
            one.verdict, one.verdict
        )
        print(
            f"{one.claim.name:<30}{words:<14}{one.value_words:>14}  {one.bound_words} {one.trouble}"
        )


if __name__ == "__main__":
    main()
