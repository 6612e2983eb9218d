"""`manage.py materialise_features`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.features.models import FeatureView, Materialization
from tests.apps.features.making import NAME, three_days


def run(*words: str) -> str:
    out = StringIO()
    call_command("materialise_features", *words, stdout=out)
    return out.getvalue()


def test_it_materialises_and_says_what_it_did(people):
    version = three_days(people)

    first = run("tiny", NAME, "--dataset", "March")
    again = run("tiny", NAME, "--dataset", str(version.dataset_id), "--as", people.bob.email)

    assert "3 days computed, 0 kept" in first
    assert "0 days computed, 3 kept" in again
    assert Materialization.objects.first().created_by == people.bob
    assert FeatureView.objects.get().n_rows == 120


def test_a_backfill_takes_a_range(people):
    three_days(people)

    said = run("tiny", NAME, "--dataset", "March", "--mode", "backfill", "--start", "2024-01-02")

    assert "2 days computed" in said


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("tiny", NAME, "--dataset", "April"), "must be ready"),
        (("tiny", "nothing", "--dataset", "March"), "nothing"),
        (("tiny", NAME, "--dataset", "March", "--as", "no@example.org"), "no@example.org"),
        (("tiny", NAME, "--dataset", "March", "--start", "2024-01-02"), "backfill"),
    ],
)
def test_what_cannot_be_is_told(people, words, reason):
    three_days(people)

    with pytest.raises(CommandError, match=reason):
        run(*words)


def test_a_person_without_the_right_may_not(people):
    three_days(people)
    people.bob.role = "auditor"
    people.bob.save()

    with pytest.raises(CommandError, match="role"):
        run("tiny", NAME, "--dataset", "March", "--as", people.bob.email)


def test_a_job_that_fails_fails_the_command(people, settings):
    three_days(people)
    settings.ASSAY_FEATURES_URL = "redis://127.0.0.1:1/0"

    with pytest.raises(CommandError, match="It has failed"):
        run("tiny", NAME, "--dataset", "March")
