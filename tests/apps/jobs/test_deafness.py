"""A worker that takes messages and works on none, for long, has lost its hearing."""

from __future__ import annotations

import pytest
from celery.worker import state

from apps.jobs import deafness


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(deafness.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def taken(monkeypatch):
    monkeypatch.setattr(state, "reserved_requests", {"a message"})
    monkeypatch.setattr(state, "active_requests", set())
    return state


def told(hearing, clock):
    """Ask twice, more than a minute apart."""
    first = hearing.is_lost()
    clock[0] += 61
    return first, hearing.is_lost()


def test_it_is_deaf_if_what_it_took_lies_untouched(clock, taken):
    assert told(deafness.Hearing(), clock) == (False, True)


def test_one_that_works_on_anything_is_not_deaf(clock, taken):
    taken.active_requests.add("another message")

    assert told(deafness.Hearing(), clock) == (False, False)


def test_one_that_was_given_nothing_is_not_deaf(clock, taken):
    taken.reserved_requests.clear()

    assert told(deafness.Hearing(), clock) == (False, False)


def test_one_that_did_something_between_is_not_deaf(clock, taken):
    hearing = deafness.Hearing()

    assert not hearing.is_lost()
    clock[0] += 40
    taken.active_requests.add("a message")
    assert not hearing.is_lost()
    taken.active_requests.clear()
    clock[0] += 40
    assert not hearing.is_lost()
