"""Claims, and the figures that decide them."""

from __future__ import annotations

import ast
import json
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from apps.benchmarks.claims import Claim, Definitions, definitions, judge, judged
from benchmarks.claims import collect

ROOT = Path(__file__).resolve().parents[2]
ASKED_FOR = {
    "static_graph_speedup", "ddp_speedup", "zero2_memory_ratio_4_ranks", "batching_vs_oracle",
    "batching_vs_litserve", "batching_vs_batch1", "batching_p99_ms", "distil_parameter_ratio",
    "distil_gain_points", "prune_loss_points", "qat_loss_points", "encryption_overhead",
}  # fmt: skip


def result(**figures) -> str:
    return json.dumps(
        {"benchmark": "made_up", "command": "python benchmarks/made_up.py --seeds 0",
         "device": "A machine, 2 cores", "versions": {}, "date": "2026-11-25", "seeds": [0],
         "figures": figures, "peers": {}}
    )  # fmt: skip


def claim(**said) -> Claim:
    given = {"name": "speed", "title": "Speed", "result": "made_up", "figure": "speed"}
    return Claim(**given | {"command": "python benchmarks/made_up.py"} | said)


def only(folder: Path, **said):
    groups = judged(folder, Definitions(group=({"title": "One", "claim": (claim(**said),)},)))
    return groups[0].claims[0]


@pytest.mark.parametrize(
    ("bound", "value", "verdict", "words"),
    [
        ({"least": 1.8}, 1.8, "reached", "at least 1.800"),
        ({"least": 1.8}, 1.79, "missed", "at least 1.800"),
        ({"most": 0.05}, 0.05, "reached", "at most 0.050"),
        ({"most": 0.05}, 0.06, "missed", "at most 0.050"),
        ({"above": 0}, 0, "missed", "more than 0.000"),
        ({"above": 0}, 0.1, "reached", "more than 0.000"),
        ({}, 3.0, "measured", ""),
    ],
)
def test_a_bound_decides(tmp_path, bound, value, verdict, words):
    (tmp_path / "made_up.json").write_text(result(speed=value))

    found = only(tmp_path, **bound)

    assert (found.verdict, found.value, found.bound_words) == (verdict, value, words)
    assert found.device == "A machine, 2 cores"
    assert found.date == date(2026, 11, 25)
    assert found.command == "python benchmarks/made_up.py --seeds 0"


def test_a_bound_may_be_another_figure_of_the_same_run(tmp_path):
    (tmp_path / "made_up.json").write_text(result(speed=9.0, budget=10.0))

    found = only(tmp_path, most="budget", format=".1f", unit="ms")

    assert found.verdict == "reached"
    assert found.bound_words == "at most 10.0 ms"


def test_a_figure_may_be_a_difference(tmp_path):
    (tmp_path / "made_up.json").write_text(result(speed=0.68, after=0.67))

    found = only(tmp_path, minus="after", times=100, most=1.5)

    assert found.value == pytest.approx(1.0)
    assert found.verdict == "reached"


def test_what_was_not_measured_says_how_it_would_be(tmp_path):
    found = only(tmp_path, least=2)

    assert (found.verdict, found.value, found.trouble) == ("unmeasured", None, "")
    assert found.command == "python benchmarks/made_up.py"
    assert found.date is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no result"),
        ("[]", "no result"),
        ("{" * 10_000, "no result"),
        (result(speed=1).replace("1}", "NaN}"), "no result"),
        (result(speed=1).replace("1}", '"fast"}'), "no result"),
        (result(other=1), "made_up.json has no speed"),
        (" " * ((1 << 20) + 1), "larger"),
        ("\udcff", "no result"),
    ],
    ids=["empty", "list", "deep", "nan", "text", "other", "huge", "bytes"],
)
def test_a_file_that_is_no_result_is_said_and_not_shown(tmp_path, text, words):
    (tmp_path / "made_up.json").write_bytes(text.encode("utf-8", "surrogateescape"))

    found = only(tmp_path, least=1)

    assert found.verdict == "unmeasured"
    assert words in found.trouble
    assert found.command == "python benchmarks/made_up.py"


def test_a_folder_where_a_file_should_be_is_said(tmp_path):
    (tmp_path / "made_up.json").mkdir()

    assert "cannot be read" in only(tmp_path).trouble


def test_two_bounds_are_refused():
    with pytest.raises(ValidationError, match="one bound"):
        claim(least=1, most=2)


def test_a_result_cannot_lie_elsewhere():
    with pytest.raises(ValidationError):
        claim(result="../secrets")


def test_each_claim_of_the_product_can_be_told():
    claims = [one for group in definitions().group for one in group.claim]

    assert len({one.name for one in claims}) == len(claims) > 30
    for one in claims:
        assert one.told(0.5)
        assert one.published is None or one.source, one.name
        assert one.command.startswith("python benchmarks/"), one.name
    assert {one.name for one in claims} >= ASKED_FOR


def test_each_figure_that_is_kept_here_is_found_by_its_claim():
    """A renamed figure would be told as not measured though its file is there."""
    for one in (one for group in judged(ROOT / "benchmarks" / "results") for one in group.claims):
        file = ROOT / "benchmarks" / "results" / f"{one.claim.result}.json"
        is_kept = file.exists() and one.claim.figure in json.loads(file.read_text())["figures"]
        assert (one.value is not None) == is_kept, one.claim.name


def test_the_collection_is_flat_and_tells_how_each_claim_ended(tmp_path):
    (tmp_path / "static_graph.json").write_text(result(static_graph_speedup=2.1))
    (tmp_path / "compression.json").write_text(result(prune_loss_points=1.9))

    collect(tmp_path, tmp_path / "claims.json")

    content = json.loads((tmp_path / "claims.json").read_text())
    assert content["figures"]["static_graph_speedup"] == 2.1
    assert content["figures"]["prune_loss_points"] == 1.9
    assert content["figures"]["claims_reached"] == 1
    assert content["figures"]["claims_missed"] == 1
    assert "ddp_speedup" not in content["figures"]
    assert content["peers"]["static_graph_speedup"] == 1.8
    assert content["claims"]["static_graph_speedup"]["verdict"] == "reached"
    assert content["claims"]["ddp_speedup"]["verdict"] == "unmeasured"
    assert content["device"] == "A machine, 2 cores"


def test_judging_needs_no_framework():
    source = (ROOT / "apps" / "benchmarks" / "claims.py").read_text()
    imported = [node.module for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.ImportFrom)]  # fmt: skip

    assert not [name for name in imported if name and name.startswith(("django", "rest_framework"))]


def test_a_missing_figure_of_the_bound_is_said(tmp_path):
    assert judge(claim(most="budget"), "").verdict == "unmeasured"
    (tmp_path / "made_up.json").write_text(result(speed=1.0))

    assert "has no budget" in only(tmp_path, most="budget").trouble
