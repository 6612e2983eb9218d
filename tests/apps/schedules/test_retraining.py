"""One run of a policy from its job to what it comes to."""

from __future__ import annotations

import pytest

from apps.accounts.models import Role
from apps.audit.models import AuditEvent
from apps.experiments.models import TrainingRun
from apps.jobs import runner
from apps.jobs.models import Job
from apps.jobs.services import cancel, retry
from apps.registry.models import ModelVersion
from apps.registry.services import promote
from apps.schedules import concluding, services
from apps.schedules.due import run_due
from apps.schedules.models import ScheduleRun
from ml_core.errors import ConfigError, NotAllowedError
from tests.apps.schedules.making import next_version, policy_of, shuffled_past
from tests.apps.workshop import payments, ready_version, trained_model


def live_model(people, tmp_path, version, mean: float):
    return promote(trained_model(people, tmp_path, version, mean=mean), people.dora, "It is good.")


def ended(run: ScheduleRun) -> ScheduleRun:
    run.refresh_from_db()
    return run


def test_without_a_live_model_the_challenger_stays_a_candidate(people, run_jobs):
    policy = policy_of(people, outcome="live")
    run = services.run_now(user=people.bob, policy=policy)
    [job] = run_jobs()

    assert job.state == "succeeded", job.error
    assert ended(run).state == "candidate"
    assert "no live model to compare with" in run.reason
    assert run.model.run == run.training
    assert run.training.job == job
    assert run.training.created_by == people.alice
    assert job.result_url == run.get_absolute_url()


def test_a_challenger_taught_shuffled_labels_is_refused_with_both_figures(
    people, tmp_path, run_jobs
):
    version = ready_version(people, payments(900))
    live = live_model(people, tmp_path, ready_version(people, payments(300, seed=9)), mean=70.0)
    next_version(people, version, shuffled_past(payments(900)))
    run = services.run_now(user=people.alice, policy=policy_of(people, version))
    run_jobs()

    assert ended(run).state == "refused"
    assert run.reason.startswith("Refused by the gate. Accuracy ")
    assert "of the challenger against 100.0% of the live model on 300 rows" in run.reason
    assert run.gate["challenger"] < run.gate["live"] == 1.0
    live.refresh_from_db()
    assert live.stage == "live"
    assert run.model.stage == "candidate"
    assert AuditEvent.objects.get(action="schedule.concluded").summary["state"] == "refused"


@pytest.mark.parametrize("approved", [True, False])
def test_a_better_one_goes_live_only_where_that_was_approved(
    people, tmp_path, run_jobs, settings, approved
):
    settings.ASSAY_FOUR_EYES = True
    version = ready_version(people, payments(900))
    live = live_model(people, tmp_path, ready_version(people, payments(300, seed=9)), mean=5.0)
    policy = policy_of(people, version, outcome="live", min_gain=0.05)
    if approved:
        services.approve(user=people.dora, policy=policy)
    run = services.run_now(user=people.alice, policy=policy)
    run_jobs()

    live.refresh_from_db()
    if not approved:
        assert ended(run).state == "candidate"
        assert "nobody has approved" in run.reason
        assert (live.stage, run.model.stage) == ("live", "candidate")
        return
    assert ended(run).state == "live", run.reason
    assert (live.stage, run.model.stage) == ("retired", "live")
    assert run.model.promoted_why.startswith("By policy Each Monday, approved by Dora. Accuracy")
    event = AuditEvent.objects.get(action="schedule.concluded")
    assert event.actor is None
    assert event.summary["approved_by"] == str(people.dora.pk)


def test_one_that_passes_stays_a_candidate_if_the_policy_says_so(people, tmp_path, run_jobs):
    version = ready_version(people, payments(900))
    live_model(people, tmp_path, ready_version(people, payments(300, seed=9)), mean=5.0)
    run = services.run_now(user=people.alice, policy=policy_of(people, version))
    run_jobs()

    assert ended(run).state == "candidate"
    assert run.reason.startswith("Kept as a candidate: it passed the gate. Accuracy")


def test_rows_that_the_live_model_learned_from_are_not_counted_for_it(people, tmp_path, run_jobs):
    """The live model knows the first two thirds of a version, of which some are now set aside."""
    frame = payments(1200)
    version = ready_version(people, frame)
    live_model(people, tmp_path, version, mean=70.0)
    # The newest third of this version holds rows that the live one has learned from.
    next_version(people, version, frame.slice(300, 600))
    run = services.run_now(user=people.alice, policy=policy_of(people, version))
    run_jobs()

    assert ended(run).gate["n_rows"] == 100
    assert "100 rows that the live model has learned from were left out." in run.reason


def test_another_model_that_went_live_meanwhile_is_not_replaced(
    people, tmp_path, run_jobs, monkeypatch
):
    version = ready_version(people, payments(900))
    other = ready_version(people, payments(300, seed=9))
    live_model(people, tmp_path, other, mean=5.0)
    newer = trained_model(people, tmp_path, other, mean=70.0)
    policy = policy_of(people, version, outcome="live")
    services.approve(user=people.admin, policy=policy)
    run = services.run_now(user=people.alice, policy=policy)
    measure = concluding.live
    monkeypatch.setattr(
        concluding, "live",
        lambda *args: (promote(newer, people.dora, "Better."), measure(*args))[1],
    )  # fmt: skip
    run_jobs()

    assert ended(run).state == "candidate"
    assert "another model went live while it was measured" in run.reason
    newer.refresh_from_db()
    assert newer.stage == "live"


def test_an_approver_who_lost_the_role_promotes_nothing(people, tmp_path, run_jobs):
    version = ready_version(people, payments(900))
    live_model(people, tmp_path, ready_version(people, payments(300, seed=9)), mean=5.0)
    policy = policy_of(people, version, outcome="live")
    services.approve(user=people.dora, policy=policy)
    people.dora.role = Role.ANALYST
    people.dora.save()
    run = services.run_now(user=people.alice, policy=policy)
    run_jobs()

    assert ended(run).state == "candidate"
    assert "Your role must be one of" in run.reason


def test_an_approver_who_left_the_team_promotes_nothing_and_the_verdict_is_kept(
    people, tmp_path, run_jobs
):
    version = ready_version(people, payments(900))
    live = live_model(people, tmp_path, ready_version(people, payments(300, seed=9)), mean=5.0)
    policy = policy_of(people, version, outcome="live")
    services.approve(user=people.dora, policy=policy)
    people.dora.memberships.all().delete()
    run = services.run_now(user=people.alice, policy=policy)
    [job] = run_jobs()

    assert job.state == "succeeded", job.error
    assert ended(run).state == "candidate"
    assert "who approved it may not promote any more. Accuracy" in run.reason
    assert run.gate["passed"] is True
    assert run.gate["live_model"] == str(live.pk)
    live.refresh_from_db()
    assert (live.stage, run.model.stage) == ("live", "candidate")


def test_an_attempt_after_a_crash_trains_no_second_model(people, monkeypatch, run_jobs):
    run = services.run_now(user=people.alice, policy=policy_of(people))

    def die(**_):
        raise KeyboardInterrupt  # nothing catches it, as nothing catches a kill

    with monkeypatch.context() as patch:
        patch.setattr("apps.schedules.jobs.conclude", die)
        with pytest.raises(KeyboardInterrupt):
            runner.run(run.job_id)
    assert ended(run).state == "running"
    assert ModelVersion.objects.count() == 1
    Job.objects.filter(pk=run.job_id).update(state="queued", lease_until=None)
    run_jobs()

    assert ended(run).state == "candidate"
    assert ModelVersion.objects.count() == TrainingRun.objects.count() == 1
    assert AuditEvent.objects.filter(action="schedule.concluded").count() == 1


def test_a_worker_that_lost_the_job_concludes_nothing(people, run_jobs, monkeypatch):
    run = services.run_now(user=people.alice, policy=policy_of(people))
    monkeypatch.setattr("apps.jobs.progress.JobRun.renew", lambda _: False)

    runner.run(run.job_id)

    assert ended(run).state == "running"
    assert run.model is None


def test_a_training_that_fails_is_told_and_can_be_run_again(people, run_jobs):
    policy = policy_of(people, options={"breaks": True})
    run = services.run_now(user=people.alice, policy=policy)
    [job] = run_jobs()

    assert job.state == "failed"
    assert ended(run).state == "failed"
    assert run.reason == job.error
    ScheduleRun.objects.filter(pk=run.pk).update(recipe={**run.recipe, "options": {"steps": 1}})
    TrainingRun.objects.all().delete()
    retry(job, people.alice)
    run_jobs()

    assert ended(run).state == "candidate"


def test_a_training_beyond_its_budget_has_failed(people, run_jobs, monkeypatch):
    policy = policy_of(people, options={"steps": 10_000, "pause_s": 0.05})
    run = services.run_now(user=people.alice, policy=policy)
    monkeypatch.setattr("apps.experiments.budget.time.monotonic", _Clock())
    run_jobs()

    assert ended(run).state == "failed"
    assert "within its budget of 60 minutes" in run.reason
    assert run.training.state == "failed"


class _Clock:
    """Hours pass between one look and the next."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1000.0
        return self.now


def test_a_cancelled_run_is_told(people, run_jobs):
    run = services.run_now(user=people.alice, policy=policy_of(people))

    cancel(run.job, people.alice)

    assert ended(run).state == "cancelled"
    assert not ModelVersion.objects.exists()


def test_a_policy_acts_only_for_who_may_still_train(people, run_jobs):
    policy = policy_of(people)
    people.alice.role = Role.AUDITOR
    people.alice.save()
    run = services.run_now(user=people.bob, policy=policy)
    [job] = run_jobs()

    assert job.state == "failed"
    assert "Alice may not any more" in ended(run).reason


def test_nothing_changed_means_nothing_is_done(people, run_jobs):
    policy = policy_of(people)
    services.run_now(user=people.alice, policy=policy)
    run_jobs()
    policy.refresh_from_db()

    [run] = run_due(policy.next_at)

    assert run.state == "nothing"
    assert "the same model would come out" in run.reason


def test_the_window_is_what_is_trained_on(people, run_jobs):
    version = ready_version(people, payments(300))
    policy = policy_of(people, version, window={"rows": 90})
    run = services.run_now(user=people.alice, policy=policy)
    run_jobs()

    assert ended(run).training.window == {"rows": 90}
    assert run.job.events.filter(message__startswith="90 rows").exists()


def test_four_eyes_look_at_a_policy(people, settings):
    settings.ASSAY_FOUR_EYES = True
    policy = policy_of(people, outcome="live", user=people.dora)

    with pytest.raises(NotAllowedError, match="somebody else"):
        services.approve(user=people.dora, policy=policy)
    with pytest.raises(NotAllowedError):
        services.approve(user=people.bob, policy=policy)
    policy = services.approve(user=people.admin, policy=policy)
    assert policy.approved_by == people.admin

    same = services.change(user=people.alice, policy=policy)
    assert same.approved_by == people.admin
    changed = services.change(user=people.alice, policy=policy, min_gain=0.0, cron="0 4 * * 1")
    assert changed.approved_by is None
    event = AuditEvent.objects.filter(action="schedule.changed").latest("sequence")
    assert event.summary["before"]["cron"] == "0 3 * * 1"
    assert event.summary["after"]["cron"] == "0 4 * * 1"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"cron": "0 3 * *"}, "five fields"),
        ({"zone": "Mars/Base"}, "time zone"),
        ({"metric": "beauty"}, "figure of the solution"),
        ({"window": {"years": 3}}, "days or of rows"),
        ({"window": {"days": 1, "rows": 1}}, "days or of rows"),
        ({"options": {"steps": 0}}, "steps"),
        ({"options": {"unknown": 1}}, "unknown"),
        ({"trigger": "labels", "n_labels": 0}, "at least one"),
        ({"budget_min": 0}, "budget"),
        ({"min_gain": float("nan")}, "least gain"),
        ({"name": " "}, "name"),
        ({"seed": 2**40}, "seed"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(people, said, words):
    with pytest.raises(ConfigError, match=words):
        policy_of(people, **said)
