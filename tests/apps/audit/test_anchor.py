"""What hashes alone do not show: a tail cut off, and a chain computed anew."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.audit import anchor
from apps.audit.canonical import canonical
from apps.audit.chain import verify
from apps.audit.models import AuditEvent
from apps.audit.services import record
from tests.apps.audit.attacks import attack, compute_anew


@pytest.fixture
def trail(db, django_capture_on_commit_callbacks) -> list[AuditEvent]:
    with django_capture_on_commit_callbacks(execute=True):
        return [record("x.done", actor=None, number=number) for number in range(1, 8)]


@pytest.fixture
def head(settings) -> Path:
    return Path(settings.ASSAY_DATA_DIR) / "audit" / "head.json"


def test_the_anchor_follows_what_was_committed(trail):
    assert anchor.read() == anchor.Anchor(7, trail[-1].hash)
    assert verify().is_whole
    assert verify().is_anchored


def test_a_tail_cut_off_is_found(trail):
    attack("DELETE FROM audit_auditevent WHERE sequence > 5")

    state = verify()

    assert (state.bad_sequence, state.n_events) == (6, 5)
    assert state.reason == "events 6 to 7 were cut off the end"


def test_an_emptied_trail_is_found(trail):
    attack("DELETE FROM audit_auditevent")

    assert verify().bad_sequence == 1


def test_a_chain_computed_anew_is_found(trail):
    attack("""UPDATE audit_auditevent SET summary = '{"number": 99}' WHERE sequence = 3""")
    assert verify().bad_sequence == 3

    compute_anew(3)

    state = verify()
    assert state.bad_sequence == 7
    assert "computed anew" in state.reason


def test_an_event_put_in_is_found_where_it_was_put(trail):
    """Everything behind it is moved on by one, and nothing else is computed anew."""
    for sequence in (7, 6, 5, 4):
        attack(
            "UPDATE audit_auditevent SET sequence = %s WHERE sequence = %s", sequence + 1, sequence
        )
    columns = "at, actor_label, action, thing_type, thing_id, thing_label, summary, payload_digest"
    attack(
        f"INSERT INTO audit_auditevent (id, sequence, {columns}, previous_hash, hash) "  # noqa: S608
        f"SELECT '00000000000040008000000000000001', 4, {columns}, hash, 'forged' "
        "FROM audit_auditevent WHERE sequence = 3"
    )

    assert verify().bad_sequence == 4


def test_two_events_that_changed_places_are_found_at_the_first(trail):
    for old, new in ((2, 100), (5, 2), (100, 5)):
        attack("UPDATE audit_auditevent SET sequence = %s WHERE sequence = %s", new, old)

    assert verify().bad_sequence == 2


def test_an_event_that_is_marked_as_erased_and_says_something_is_found(trail):
    attack(
        "UPDATE audit_auditevent SET erased_at = '2026-01-01 00:00:00', summary = '{\"a\": 1}' "
        "WHERE sequence = 4"
    )

    assert verify().bad_sequence == 4


def test_erased_events_are_counted(trail):
    attack(
        "UPDATE audit_auditevent SET erased_at = '2026-01-01 00:00:00', summary = '{}' "
        "WHERE sequence = 4"
    )

    assert (verify().is_whole, verify().n_erased) == (True, 1)


def test_an_anchor_that_was_changed_is_found_and_kept(trail, head):
    head.write_text(head.read_text().replace(f'"sequence": {7}', '"sequence": 3'))

    record("x.done", actor=None)
    anchor.advance(anchor.Anchor(8, "0" * 64))

    state = verify()
    assert not state.is_whole
    assert "not signed by this installation" in state.reason
    assert json.loads(head.read_text())["sequence"] == 3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sequence": "x"}', None])
def test_without_an_anchor_the_chain_says_so(trail, head, content):
    if content is None:
        head.unlink()
    else:
        head.write_text(content)

    state = verify()

    assert state.is_whole
    assert not state.is_anchored


def test_the_anchor_never_goes_back(trail):
    anchor.advance(anchor.Anchor(3, "0" * 64))

    assert anchor.read() == anchor.Anchor(7, trail[-1].hash)


def test_many_may_move_it_at_once(settings):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: anchor.advance(anchor.Anchor(n, f"{n}")), range(1, 200)))

    assert anchor.read() == anchor.Anchor(199, "199")


def test_what_was_done_stands_even_if_the_anchor_cannot_be_written(
    db, settings, tmp_path, django_capture_on_commit_callbacks
):
    (tmp_path / "file").write_text("in the way")
    settings.ASSAY_DATA_DIR = tmp_path / "file"

    with django_capture_on_commit_callbacks() as callbacks:
        record("x.done", actor=None)

    assert len(callbacks) == 1
    with pytest.raises(OSError, match="Not a directory"):
        callbacks[0]()  # Django logs it, since the callback is marked as robust
    assert AuditEvent.objects.filter(action="x.done").exists()


def test_after_a_restore_the_anchor_is_put_to_the_end_with_a_reason(
    trail, capsys, django_capture_on_commit_callbacks
):
    attack("DELETE FROM audit_auditevent WHERE sequence > 5")
    with pytest.raises(CommandError, match="must have a reason"):
        call_command("verify_audit", anchor_here=" ")

    with django_capture_on_commit_callbacks(execute=True):
        call_command("verify_audit", anchor_here="Restored the backup of Monday.")

    assert verify().is_whole
    event = AuditEvent.objects.get(action="audit.anchored")
    assert event.summary["reason"] == "Restored the backup of Monday."
    assert "cut off the end" in event.summary["found"]


def test_a_chain_that_is_broken_within_is_not_anchored(trail):
    attack("UPDATE audit_auditevent SET action = 'y' WHERE sequence = 2")

    with pytest.raises(CommandError, match="breaks at 2"):
        call_command("verify_audit", anchor_here="Never mind.")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1e22, 10**22), (1.5e300, int(1.5e300)), (-1e16, -(10**16)), (-0.0, 0), (0.1, 0.1),
        (float("nan"), None), (float("inf"), None), (5e-324, 5e-324), (2**70, 2**70),
        (123456.75, 123456.75), ("a\0b", "a\N{REPLACEMENT CHARACTER}b"), ("\ud800", "?"),
        ({1: (1.0, True)}, {"1": [1.0, True]}),
    ],
)  # fmt: skip
def test_every_value_comes_back_from_any_database_as_it_was_digested(db, value, kept):
    """PostgreSQL keeps decimals: 1e22 comes back as a whole number, and no NUL goes in."""
    assert canonical(value) == kept
    assert json.dumps(json.loads(json.dumps(kept))) == json.dumps(kept)

    record("x.done", actor=None, value=value)

    assert verify().is_whole
    assert AuditEvent.objects.get().summary == {"value": kept}
