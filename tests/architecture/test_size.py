"""One size: a reader can hold every file and every function in the head."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.rooms import (
    ROOMS,
    functions,
    length_without_docstring,
    name_of,
    python_files,
)

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 40
FILES = python_files(*ROOMS, "benchmarks", "scripts", "tests")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_has_at_most_400_lines(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= MOST_LINES_OF_A_FILE, "split it by subject"


@pytest.mark.parametrize("path", python_files(*ROOMS), ids=name_of)
def test_a_function_has_at_most_40_lines(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))

    too_long = {
        f"{function.name} (line {function.lineno})": length_without_docstring(function)
        for function in functions(tree)
        if length_without_docstring(function) > MOST_LINES_OF_A_FUNCTION
    }

    assert not too_long, "give each idea its own function"
