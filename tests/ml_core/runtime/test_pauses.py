"""What lives is passed over by the collector, and what has died is not kept for it."""

import gc
import weakref

import pytest

from ml_core.runtime.pauses import spare_what_lives


@pytest.fixture(autouse=True)
def as_before():
    yield
    gc.unfreeze()


class Knot:
    """Something that only the collector can free."""

    def __init__(self):
        self.self = self


def test_the_collector_passes_over_what_lives():
    kept = Knot()
    spare_what_lives()

    assert gc.get_freeze_count() > 1000
    assert all(one is not kept for one in gc.get_objects())


def test_what_died_since_the_last_time_is_freed():
    knot = Knot()
    died = weakref.ref(knot)
    spare_what_lives()
    del knot

    spare_what_lives()

    assert died() is None
