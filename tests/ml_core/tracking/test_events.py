"""Runs that write down what they are told."""

import math

from ml_core.tracking.events import Event, EventRun, file_run, read_events, relay
from ml_core.tracking.run import NullRun


def test_a_file_run_can_be_read_back(tmp_path):
    run = file_run(tmp_path / "run.jsonl", seed=3)

    run.metric("loss", 0.25, 1)
    run.metric("gain", math.inf)
    run.log("fünf €")

    assert run.seed == 3
    assert read_events(tmp_path / "run.jsonl") == [
        Event("metric", {"name": "loss", "value": 0.25, "step": 1}),
        Event("metric", {"name": "gain", "value": math.inf, "step": None}),
        Event("log", {"message": "fünf €"}),
    ]


def test_progress_is_thinned_but_its_end_is_always_told():
    heard = []
    run = EventRun(heard.append)

    for done in range(1, 5001):
        run.progress(done, 5000, "rows")

    assert heard[0].data["done"] == 1
    assert heard[-1].data["done"] == 5000
    assert len(heard) < 50


def test_a_new_stage_tells_its_progress_at_once():
    heard = []
    run = EventRun(heard.append)
    run.progress(1, 10)

    run.stage("training")
    run.progress(1, 10)

    assert [event.kind for event in heard] == ["progress", "peak_memory", "stage", "progress"]


def test_a_run_is_cancelled_when_somebody_asks():
    asked = []
    run = EventRun(lambda _: None, asked_to_stop=lambda: bool(asked))
    assert not run.cancelled()

    asked.append(1)

    assert run.cancelled()


def test_a_relay_leaves_memory_to_the_listener():
    relay(NullRun())(Event("peak_memory", {"mb": 1.0}))
