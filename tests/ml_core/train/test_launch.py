"""Work in a child process: results, words, errors, and every way of ending."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ml_core.errors import CancelledError, DataError, JobError, ModelError
from ml_core.tracking.events import EventRun, relay
from ml_core.train.launch import ROOT, spawn

WORK = "tests.ml_core.train.child_work"


def launch(name, payload=None, **more):
    more = {"on_event": lambda _: None, "cancelled": lambda: False} | more
    return spawn(f"{WORK}:{name}", payload, **more)


def is_alive(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    return False


def command_lines():
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_text())
    return "\n".join(found)


def wait_until(truth, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not truth() and time.monotonic() < deadline:
        time.sleep(0.02)
    return truth()


def test_the_result_comes_back_from_another_process():
    result = launch("echo", {"rows": [1, 2]}, seed=7)

    assert result["payload"] == {"rows": [1, 2]}
    assert result["seed"] == 7
    assert result["pid"] != os.getpid()


def test_every_word_of_the_run_arrives_in_order():
    events = []

    launch("talk", on_event=events.append)

    said = [(event.kind, event.data) for event in events if event.kind != "peak_memory"]
    assert said == [
        ("stage", {"name": "reading"}),
        ("progress", {"done": 1, "total": 2, "note": "rows"}),
        ("progress", {"done": 2, "total": 2, "note": "rows"}),
        ("metric", {"name": "loss", "value": 0.5, "step": 3}),
        ("log", {"message": "half way"}),
        ("artifact", {"path": "model.onnx"}),
    ]


def test_a_relay_repeats_every_word_to_another_run():
    events, again = [], []

    launch("talk", on_event=lambda e: (events.append(e), relay(EventRun(again.append))(e)))

    def words(heard):
        return [event for event in heard if event.kind != "peak_memory"]

    assert words(again) == words(events)


def test_the_memory_of_the_child_is_told_and_not_that_of_the_parent():
    ballast = bytearray(300 * 2**20)
    small, large = [], []

    launch("echo", on_event=small.append)
    launch("use_memory", 120, on_event=large.append)

    low, high = small[-1].data["mb"], large[-1].data["mb"]
    assert len(ballast) / 2**20 > low
    assert high - low == pytest.approx(120, abs=15)


@pytest.mark.parametrize("error", [DataError, ModelError, JobError])
def test_errors_of_ours_keep_their_type(error):
    name = error.__name__.removesuffix("Error").lower()

    with pytest.raises(error) as caught:
        launch("fail", name)

    assert type(caught.value) is error


def test_a_data_error_keeps_its_issues_and_a_job_error_its_mark():
    with pytest.raises(DataError) as data:
        launch("fail", "data")
    with pytest.raises(JobError) as job:
        launch("fail", "job")

    assert [(i.column, i.row) for i in data.value.issues] == [("amount", 7), (None, None)]
    assert job.value.permanent is False


def test_an_unknown_error_is_permanent_and_named():
    with pytest.raises(JobError, match="ZeroDivisionError: by nought") as caught:
        launch("fail", "own")

    assert caught.value.permanent


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_killed_by_a_signal_may_be_tried_again(number):
    with pytest.raises(JobError, match=number.name) as caught:
        launch("die", int(number))

    assert not caught.value.permanent


def test_a_missing_function_is_an_error_and_not_a_hang():
    with pytest.raises(JobError, match="AttributeError"):
        launch("nothing_here")


def test_a_cancelled_child_stops_by_itself():
    events = []
    began = time.monotonic()

    with pytest.raises(CancelledError):
        launch("obey", on_event=events.append, cancelled=lambda: len(events) > 0)

    assert time.monotonic() - began < 5


def test_a_child_that_ignores_the_wish_is_killed_with_its_own_children():
    events = []

    def told():
        return [event for event in events if event.kind == "log"]

    with pytest.raises(CancelledError):
        launch("ignore", on_event=events.append, cancelled=lambda: bool(told()), grace_s=0.3)

    pids = [int(pid) for pid in told()[0].data["message"].split()]
    assert wait_until(lambda: not any(map(is_alive, pids)))


def test_a_grandchild_that_holds_the_pipe_does_not_hold_us():
    with pytest.raises(JobError, match="SIGKILL"):
        launch("leave_grandchild")


def test_a_listener_that_fails_ends_the_child():
    pids = []

    def listen(event):
        if event.kind == "log":
            pids.extend(int(pid) for pid in event.data["message"].split())
            raise KeyError("listener")

    with pytest.raises(KeyError, match="listener"):
        launch("ignore", on_event=listen)

    assert wait_until(lambda: not any(map(is_alive, pids)))


def test_the_child_dies_with_its_parent():
    script = (
        "from ml_core.train.launch import spawn\n"
        f"spawn({WORK + ':ignore'!r}, None, cancelled=bool,"
        " on_event=lambda e: print(e.data.get('message', ''), flush=True))"
    )
    parent = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    line = next(line for line in parent.stdout if line.strip())
    child, grandchild = (int(pid) for pid in line.split())

    parent.kill()
    parent.wait()

    try:
        assert wait_until(lambda: not is_alive(child))
    finally:
        parent.stdout.close()
        with suppress(ProcessLookupError):
            os.kill(grandchild, signal.SIGKILL)


def test_secrets_stay_behind_and_the_rest_goes_along(monkeypatch):
    monkeypatch.setenv("ASSAY_SECRET_KEY", "hidden")
    monkeypatch.setenv("ASSAY_COLOUR", "blue")
    names = ["ASSAY_SECRET_KEY", "ASSAY_COLOUR", "NUMBA_THREADING_LAYER", "EXTRA"]

    seen = launch("environment", names, env={"EXTRA": "given"})

    assert list(seen.values()) == [None, "blue", "workqueue", "given"]


def test_the_work_is_not_on_the_command_line():
    seen = []

    def look(event):
        if event.kind == "stage":
            seen.append(command_lines())

    with pytest.raises(CancelledError):
        launch("obey", {"mark": "w7Qz"}, on_event=look, cancelled=lambda: bool(seen))

    assert "ml_core.train.child" in seen[0]
    assert "w7Qz" not in seen[0]
