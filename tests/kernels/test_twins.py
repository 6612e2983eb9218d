"""Every registered kernel, on every device at hand, in every case, against its reference."""

import os
import subprocess
import sys

import numpy as np
import pytest

from kernels._dispatch import discover, has_cuda, load

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
# The simulator runs each thread as one of Python's: more than this takes minutes.
SIMULATED_ROWS = 512

KERNELS = discover()


def cases(name):
    return list(KERNELS[name].cases(np.random.default_rng(20)))


EVERY_CASE = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name in sorted(KERNELS)
    for number in range(len(cases(name)))
]

# One skipped test that says why, instead of one for each case.
NO_DEVICE = [pytest.param("", 0, marks=pytest.mark.skip("no CUDA device is here"), id="none")]
NO_SIMULATOR = [pytest.param("", 0, marks=pytest.mark.skip("runs in its own process"), id="none")]


def check(name, number, twin):
    kernel = KERNELS[name]
    arguments = cases(name)[number]

    expected = load(kernel, "reference")(*arguments)
    found = load(kernel, twin)(*arguments)

    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=kernel.rtol, atol=kernel.atol)


@pytest.mark.parametrize(("name", "number"), EVERY_CASE)
def test_the_cpu_twin_agrees_with_the_reference(name, number):
    check(name, number, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "number"), EVERY_CASE if has_cuda() else NO_DEVICE)
def test_the_cuda_twin_agrees_with_the_reference_on_a_device(name, number):
    check(name, number, "gpu")


@pytest.mark.cudasim
@pytest.mark.parametrize(("name", "number"), EVERY_CASE if SIMULATED else NO_SIMULATOR)
def test_the_cuda_twin_agrees_with_the_reference_under_the_simulator(name, number):
    assert max(np.size(argument) for argument in cases(name)[number]) <= SIMULATED_ROWS

    check(name, number, "gpu")


@pytest.mark.slow
@pytest.mark.skipif(SIMULATED, reason="this is the process that it starts")
def test_the_simulator_agrees_in_a_process_of_its_own():
    mode = {"NUMBA_ENABLE_CUDASIM": "1"}
    command = [sys.executable, "-m", "pytest", __file__, "-m", "cudasim", "-q", "-p", "no:xdist"]

    ended = subprocess.run(  # noqa: S603
        command, env=os.environ | mode, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-1000:]
    assert f"{len(EVERY_CASE)} passed" in ended.stdout
    assert "skipped" not in ended.stdout


def test_the_cases_hold_what_kernels_break_on():
    for name in KERNELS:
        sizes = [len(arguments[0]) for arguments in cases(name)]

        assert 0 in sizes
        assert 1 in sizes
        assert any(size % 2 and size > 1 for size in sizes)


def test_the_cases_are_the_same_each_time():
    for name in KERNELS:
        for first, second in zip(cases(name), cases(name), strict=True):
            for one, other in zip(first, second, strict=True):
                np.testing.assert_array_equal(one, other)
