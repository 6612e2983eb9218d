"""The trail only grows, and every change of it is found."""

import threading

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from apps.audit import triggers
from apps.audit.chain import digest_payload, hash_link, verify
from apps.audit.models import AuditEvent
from apps.audit.services import record


@pytest.fixture
def trail(people) -> list[AuditEvent]:
    return [
        record(
            "model.promoted", actor=people.dora, team=people.team, thing=people.team, reason=str(i)
        )
        for i in range(5)
    ]


@pytest.fixture
def guarded(trail):
    """The triggers, on the table for this test alone."""
    with connection.cursor() as cursor:
        for statement in triggers.INSTALL[connection.vendor]:
            cursor.execute(statement)
    return trail


def change(event: AuditEvent, column: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE audit_auditevent SET {column} = %s WHERE sequence = %s",  # noqa: S608
            [value, event.sequence],
        )


def test_a_trail_is_whole(trail):
    state = verify()

    assert state.is_whole
    assert state.n_events == 5
    assert [event.sequence for event in trail] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("summary", '{"reason": "another"}'),
        ("actor_label", "mallory@example.org"),
        ("thing_label", "another thing"),
        ("action", "model.retired"),
        ("at", "2020-01-01 00:00:00"),
        ("payload_digest", "0" * 64),
        ("hash", "0" * 64),
        ("previous_hash", "1" * 64),
    ],
)
def test_a_change_is_found_at_its_event(trail, column, value):
    change(trail[2], column, value)

    assert verify().bad_sequence == 3


def test_a_removed_event_is_found(trail):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditevent WHERE sequence = 3")

    state = verify()

    assert state.bad_sequence == 4
    assert state.reason == "event 3 is missing"


def test_a_wholly_recomputed_event_breaks_the_next(trail):
    event = trail[2]
    event.summary = {"reason": "forged"}
    event.payload_digest = digest_payload(event)
    change(event, "summary", '{"reason": "forged"}')
    change(event, "payload_digest", event.payload_digest)
    change(event, "hash", hash_link(event))

    assert verify().bad_sequence == 4


def test_the_model_refuses_to_change_or_delete(trail):
    with pytest.raises(TypeError):
        trail[0].save()
    with pytest.raises(TypeError):
        trail[0].delete()
    with pytest.raises(TypeError):
        AuditEvent.objects.update(action="x")
    with pytest.raises(TypeError):
        AuditEvent.objects.all().delete()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET action = 'x' WHERE sequence = 2",
        "UPDATE audit_auditevent SET summary = '{}' WHERE sequence = 2",
        "UPDATE audit_auditevent SET erased_at = '2026-01-01', hash = 'x' WHERE sequence = 2",
        "DELETE FROM audit_auditevent WHERE sequence = 2",
    ],
)
def test_the_database_refuses_too(guarded, statement):
    with (
        pytest.raises(DatabaseError, match="only grows"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_personal_data_can_be_erased_and_the_chain_still_holds(guarded):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_auditevent SET summary = '{}', actor_label = 'erased', "
            "erased_at = '2026-01-01 00:00:00' WHERE sequence = 2"
        )

    assert verify().is_whole


def test_an_event_goes_with_its_transaction(people):
    with transaction.atomic():
        record("x.done", actor=None)
        transaction.set_rollback(True)

    assert not AuditEvent.objects.filter(action="x.done").exists()


def test_verify_audit_exits_with_1_at_a_broken_chain(trail, capsys):
    call_command("verify_audit")
    change(trail[0], "action", "x")

    with pytest.raises(SystemExit) as stopped:
        call_command("verify_audit")

    told = capsys.readouterr()
    assert "whole: 5 events" in told.out
    assert stopped.value.code == 1
    assert "broken at event 1" in told.err


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_chain():
    def write() -> None:
        for _ in range(5):
            record("x.done", actor=None)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    state = verify()
    assert state.is_whole
    assert state.n_events == 20
