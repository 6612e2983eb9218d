"""The page of claims, and the same by REST."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def results(settings, tmp_path):
    """Return a folder of results that holds nothing yet, and what writes into it."""
    settings.ASSAY_BENCHMARK_RESULTS = tmp_path

    def write(name: str, **figures: float) -> None:
        content = {
            "benchmark": name, "command": f"python benchmarks/{name}.py --seeds 0,1",
            "device": "A <b>machine</b>, 2 cores", "date": "2026-11-25", "figures": figures,
        }  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(content))

    return write


def page(client) -> str:
    answer = client.get("/benchmarks/")
    assert answer.status_code == 200
    return answer.content.decode()


def row(text: str, name: str) -> str:
    """Return what the page says of one claim."""
    return text.partition(f'<tr id="{name}">')[2].partition("</tr>")[0]


def test_without_results_it_says_so_and_still_names_every_claim(results, people, login):
    shown = page(login(people.alice))

    assert "Nothing was measured here yet" in shown
    assert "Not measured" in row(shown, "ddp_speedup")
    assert "python benchmarks/distributed.py" in row(shown, "ddp_speedup")
    assert "Reached" not in shown


def test_a_folder_that_is_not_there_is_no_error(settings, tmp_path, people, login):
    settings.ASSAY_BENCHMARK_RESULTS = tmp_path / "nowhere"

    assert "Nothing was measured here yet" in page(login(people.alice))


def test_it_says_of_each_claim_how_it_ended_where_and_by_what(results, people, login):
    results("static_graph", static_graph_speedup=1.94)
    results("compression", prune_loss_points=2.5, ptq_loss_points=0.3)

    shown = page(login(people.alice))

    reached, missed = row(shown, "static_graph_speedup"), row(shown, "prune_loss_points")
    assert "Reached" in reached
    assert "1.94x" in reached
    assert "at least 1.80x" in reached
    assert "python benchmarks/static_graph.py --seeds 0,1" in reached
    assert "25 Nov 2026" in reached
    assert "A &lt;b&gt;machine&lt;/b&gt;" in reached
    assert "Not reached" in missed
    assert "2.50 points" in missed
    assert "Product claim" in missed
    assert "Measured" in row(shown, "ptq_loss_points")
    assert "Not measured" in row(shown, "qat_loss_points")
    assert "compression.json has no qat_loss_points." in row(shown, "qat_loss_points")
    assert "1 reached, 1 not reached" in shown


def test_a_spoilt_file_is_named(results, settings, people, login):
    (settings.ASSAY_BENCHMARK_RESULTS / "distributed.json").write_text("half of a")

    assert "distributed.json is no result of a benchmark" in row(
        page(login(people.alice)), "ddp_speedup"
    )


def test_programs_get_the_same(results, people, api):
    results("batching", batching_p99_ms=9.1, batching_budget_ms=10)

    body = api(people.alice).get("/api/v1/claims/").json()

    claims = {one["name"]: one for group in body["groups"] for one in group["claims"]}
    latency = claims["batching_p99_ms"]
    assert (latency["verdict"], latency["value"], latency["bound"]) == ("reached", 9.1, 10.0)
    assert latency["published"] == 10
    assert latency["date"] == "2026-11-25"
    assert claims["ddp_speedup"]["verdict"] == "unmeasured"
    assert claims["ddp_speedup"]["value"] is None
    assert body["counts"]["reached"] == 1
    assert sum(body["counts"].values()) == len(claims)
