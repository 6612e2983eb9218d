"""The choices that all solutions which learn by steps have alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from apps.experiments.forms import OptionsForm
from ml_core.train.options import FitOptions, Ranks
from solutions.casting import solution as casting
from solutions.fraud import solution as fraud
from solutions.learning import LearningOptions, TogetherOptions
from solutions.vqa import solution as vqa

SHARED = set(LearningOptions.model_fields)
USUAL = {"epochs": 3, "lr": 0.1, "minutes": 2.0}


@pytest.mark.parametrize("solution", [casting, fraud, vqa], ids=lambda one: one.slug)
def test_each_solution_offers_them_folded_after_its_own(solution):
    form = OptionsForm(solution.options)

    names = [form.option_names[field] for field in form.fields if field in form.option_names]
    folded = {form.option_names[field] for field in form.advanced}
    own = set(solution.options.__annotations__)
    assert set(names) >= SHARED
    assert folded >= SHARED
    assert own - folded, "nothing is open"
    assert [name for name in names if name in own] == names[: len(own)]


@pytest.mark.parametrize(
    ("solution", "clip_norm", "ema_decay"),
    [(casting, 10.0, 0.998), (fraud, 1.0, 0.995), (vqa, 1.0, 0.99)],
    ids=["casting", "fraud", "vqa"],
)
def test_each_solution_has_its_own_defaults(solution, clip_norm, ema_decay):
    options = replace(solution.options().fit_options(**USUAL), device=None)

    assert options == FitOptions(
        epochs=3, lr=0.1, max_seconds=120.0, clip_norm=clip_norm, ema_decay=ema_decay
    )


def test_what_is_chosen_reaches_the_loop():
    chosen = {
        "precision": "fp16", "accumulate": 4, "schedule": "linear", "clip_norm": 0.0,
        "ema_decay": 0.5, "patience": 7,
    }  # fmt: skip

    options = LearningOptions(**chosen).fit_options(**USUAL)

    assert {name: getattr(options, name) for name in chosen} == chosen


@pytest.mark.parametrize(
    "wrong",
    [{"precision": "fp8"}, {"accumulate": 0}, {"ema_decay": 1.0}, {"patience": -1}],
    ids=str,
)
def test_what_cannot_work_is_refused(wrong):
    with pytest.raises(ValidationError):
        LearningOptions(**wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"processes": 2}, "choose ddp"),
        ({"strategy": "ddp", "machines": 2}, "need a rendezvous"),
        ({"strategy": "ddp", "machine": 1}, "below that of machines"),
        ({"strategy": "ddp", "processes": 2, "offload": True}, "choose fsdp2 or zero2"),
        ({"strategy": "zero2", "offload": True}, "two processes or more"),
        ({"rendezvous": "host"}, "pattern"),
        ({"rendezvous": "host:1 -o"}, "pattern"),
    ],
    ids=str,
)
def test_what_cannot_train_together_is_refused(wrong, hint):
    with pytest.raises(ValidationError, match=hint):
        TogetherOptions(**wrong)


def test_what_is_written_for_one_process_has_no_strategy():
    with pytest.raises(ValidationError, match="strategy"):
        LearningOptions(strategy="ddp")


@pytest.mark.parametrize("solution", [casting, fraud, vqa], ids=lambda one: one.slug)
def test_each_solution_can_be_trained_by_several_processes(solution):
    chosen = solution.options(strategy="zero2", processes=2)

    assert chosen.ranks() == Ranks(2)


def test_ranks_are_what_was_asked_for():
    chosen = TogetherOptions(
        strategy="fsdp2", processes=4, machines=2, machine=1, rendezvous="one:29500", device="cuda"
    )

    assert TogetherOptions().ranks() is None
    assert chosen.ranks() == Ranks(4, 2, 1, "one:29500", "cuda")
    assert (chosen.fit_options(**USUAL).strategy, chosen.fit_options(**USUAL).device) == (
        "fsdp2", "cuda",
    )  # fmt: skip
