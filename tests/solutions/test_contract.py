"""Every solution keeps the contract: each check of the kit on each that is registered."""

import pytest

from solutions.registry import Registry
from solutions.testing import checks_for

REGISTRY = Registry.discover(modules=["tests.dummy_solution", "tests.picture_solution"])


def cases():
    """Return a case per solution and check; those of a solution share its trainings."""
    found = []
    for solution in REGISTRY:
        marks = [pytest.mark.xdist_group(f"contract-{solution.slug}")]
        if solution.slug not in {"dummy", "picture"}:
            marks += [pytest.mark.slow, pytest.mark.timeout(900)]
        found += [pytest.param(c, id=str(c), marks=marks) for c in checks_for(solution)]
    return found


@pytest.mark.parametrize("check", cases())
def test_contract(check):
    check()


def test_no_solution_is_broken():
    assert REGISTRY.broken == ()
