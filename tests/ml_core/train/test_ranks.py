"""Several ranks learn what one learns, and outlive the death of one of them."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from ml_core.errors import CancelledError, ConfigError, DeviceError, JobError, ModelError
from ml_core.tracking.events import EventRun
from ml_core.train.options import Ranks
from ml_core.train.ranks import run_ranks
from tests.ml_core.train import rank_work
from tests.ml_core.train.listening import strangers_doors
from tests.ml_core.train.test_launch import is_alive, wait_until

WORK = "tests.ml_core.train.rank_work"
OPTIONS = {"epochs": 4, "lr": 0.05, "higher_is_better": False, "ema_decay": 0.5, "clip_norm": 0.3}
TWO = Ranks(here=2)
pytestmark = pytest.mark.slow


def run_to(events, **more):
    return EventRun(events.append, seed=3, **more)


def together(payload, run=None, ranks=TWO, name="learn"):
    return run_ranks(f"{WORK}:{name}", payload, run=run or run_to([]), ranks=ranks)


def alone(**payload):
    n_threads = torch.get_num_threads()
    try:
        return rank_work.learn({"options": OPTIONS} | payload, run_to([]))
    finally:
        torch.set_num_threads(n_threads)


def assert_same(found, wanted, rel=1e-4):
    for name in ("losses", "errors", "end"):
        assert found[name] == pytest.approx(wanted[name], rel=rel), name
    for name, weights in wanted["weights"].items():
        assert found["weights"][name] == pytest.approx(weights, rel=rel, abs=rel / 10), name


def metrics(events):
    return [
        (event.data["name"], event.data["step"], event.data["value"])
        for event in events
        if event.kind == "metric"
    ]


CASES = {
    "ddp": {"moody": True},
    "ddp, in parts": {"options": {"strategy": "ddp", "accumulate": 2}},
    "fsdp2": {"options": {"strategy": "fsdp2"}},
    "zero2, in parts": {"options": {"strategy": "zero2", "accumulate": 2}},
    "zero2, offloaded": {"options": {"strategy": "zero2", "offload": True}},
    # So small that no first step overflows, which alone and together would be at another scale.
    "fsdp2 in fp16": {"options": {"strategy": "fsdp2", "precision": "fp16"}, "shrunk": 1e-3},
}


@pytest.fixture(scope="module")
def learnt():
    """All cases by one launch, since processes take longer to begin than to learn."""
    cases = [
        payload | {"options": OPTIONS | {"strategy": "ddp"} | payload.get("options", {})}
        for payload in CASES.values()
    ]
    found = together(cases, name="learn_each")
    for case in cases:
        case["options"] = case["options"] | {"strategy": "single"}
    wanted = [alone(**case) for case in cases]
    return dict(zip(CASES, zip(found, wanted, strict=True), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_learn_what_one_learns(learnt, case):
    found, wanted = learnt[case]

    assert (found["n_ranks"], wanted["n_ranks"]) == (2, 1)
    assert_same(found, wanted, rel=0.02 if "fp16" in case else 1e-4)


def test_a_rank_that_dies_costs_nothing_but_time(tmp_path):
    payload = {"options": OPTIONS | {"strategy": "fsdp2"}, "die_once": str(tmp_path / "died")}
    events = []
    (tmp_path / "kept").mkdir()

    found = together(payload, run_to(events, checkpoints=tmp_path / "kept"))

    assert (tmp_path / "died").exists(), "nobody died"
    assert_same(found, alone())
    said = [event.data["message"] for event in events if event.kind == "log"]
    assert said == [
        "A rank was lost. All begin again from the last checkpoint, restart 1.",
        "Going on after epoch 2 of 4.",
    ]
    points = [(name, step) for name, step, _ in metrics(events)]
    assert len(points) == len(set(points)), "a point of a curve stands twice"
    assert points.count(("loss", 4)) == 1


def test_an_error_on_one_rank_ends_all_with_that_error():
    payload = {"options": OPTIONS | {"strategy": "ddp"}, "wrong_on": 1}

    with pytest.raises(ModelError, match="found something wrong"):
        together(payload)


def test_a_rank_that_dies_each_time_is_named():
    payload = {"options": OPTIONS | {"strategy": "ddp"}, "breaks": True}

    with pytest.raises(JobError, match="ZeroDivisionError: by nought") as caught:
        together(payload, ranks=Ranks(here=2, restarts=0))

    assert caught.value.permanent


def test_ranks_stop_when_asked_to_and_leave_no_process():
    events = []

    def pids():
        return [int(e.data["message"].split()[1]) for e in events if e.kind == "log"]

    run = EventRun(events.append, asked_to_stop=lambda: bool(pids()))

    with pytest.raises(CancelledError):
        together({}, run, name="wait")

    assert pids() != [os.getpid()]
    assert wait_until(lambda: not any(map(is_alive, pids())))


def test_ranks_of_one_machine_listen_to_nobody_else():
    events, open_doors = [], set()
    before = strangers_doors(os.getpid())

    def has_looked():
        if events:  # all have met
            open_doors.update(strangers_doors(os.getpid()) - before)
        return bool(events)

    with pytest.raises(CancelledError):
        together({}, EventRun(events.append, asked_to_stop=has_looked), name="wait")

    assert open_doors == set()


def test_two_machines_meet_and_the_first_one_has_the_result():
    payload = {"options": OPTIONS | {"strategy": "ddp"}}
    place = f"127.0.0.1:{free_port()}"
    both = [Ranks(here=1, nodes=2, node=node, rendezvous=place) for node in (0, 1)]

    with ThreadPoolExecutor() as machines:
        first, second = machines.map(lambda ranks: together(payload, ranks=ranks), both)

    assert first["n_ranks"] == 2
    assert second is None
    assert_same(first, alone())


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(
    "way",
    [
        {"strategy": "ddp"}, {"strategy": "fsdp2"}, {"strategy": "zero2"},
        {"strategy": "zero2", "offload": True},
    ],
    ids=str,
)  # fmt: skip
def test_graphics_cards_learn_what_a_processor_learns(way):
    ranks = Ranks(here=torch.cuda.device_count(), device="cuda")

    found = together({"options": OPTIONS | {"device": "cuda"} | way}, ranks=ranks)

    assert found["n_ranks"] == torch.cuda.device_count()
    assert_same(found, alone(), rel=1e-2)


def test_more_ranks_than_graphics_cards_are_refused():
    with pytest.raises(DeviceError, match="graphics card"):
        together({}, ranks=Ranks(here=1 + torch.cuda.device_count(), device="cuda"))


def test_machines_need_a_place_to_meet():
    with pytest.raises(ConfigError, match="rendezvous"):
        together({}, ranks=Ranks(here=1, nodes=2))
