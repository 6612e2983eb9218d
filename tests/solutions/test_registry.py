"""Finding solutions: ours, those allowed, and those that cannot be used."""

import subprocess
import sys
from dataclasses import FrozenInstanceError
from importlib.metadata import EntryPoint

import pytest

from ml_core.errors import ConfigError
from solutions import registry as module
from solutions.registry import Registry
from tests.dummy_solution import Weld


def variant(**attributes):
    """Return the dummy with other class attributes."""
    return type("Other", (Weld,), attributes)()


class Package:
    """An installed distribution."""

    def __init__(self, name):
        self.name = name


def point(name, loaded, distribution="acme-weld"):
    """Return an entry point that gives an object, or raises it."""

    class Point(EntryPoint):
        def load(self):
            if isinstance(loaded, Exception):
                raise loaded
            return loaded

    made = Point(name, "acme_weld:solution", module.GROUP)
    vars(made)["dist"] = Package(distribution)
    return made


@pytest.fixture
def installed(monkeypatch):
    """Let a test say which entry points are installed."""
    points = []
    monkeypatch.setattr(
        module, "entry_points", lambda group: [p for p in points if p.group == group]
    )
    return points


def test_a_folder_with_an_object_is_found():
    registry = Registry.discover()

    assert "fraud" in registry
    assert registry["fraud"].slug == "fraud"
    assert registry.broken == ()


def test_an_allowed_package_is_found(installed):
    installed.append(point("dummy", variant(), "Acme.Weld"))

    assert "dummy" in Registry.discover(allowed={"acme_weld"})


def test_a_package_that_is_not_allowed_is_never_imported(installed):
    installed.append(point("dummy", AssertionError("imported")))

    registry = Registry.discover(allowed={"other"})

    assert "dummy" not in registry
    assert registry.broken == ()


@pytest.mark.parametrize(
    ("loaded", "reason"),
    [
        (ImportError("no module named torch2"), "no module named torch2"),
        (RuntimeError("boom"), "RuntimeError: boom"),
        (Weld, "must be an object"),
        (variant(api_version=99), "api_version must be 1. Got 99"),
        (variant(slug="Dummy!"), "A slug must be"),
        (variant(slug="other"), "under which it was found"),
        (variant(title=""), "must name its title"),
        (variant(options=dict), "made from Options"),
    ],
    ids=["import", "crash", "class", "version", "letters", "other slug", "no title", "options"],
)
def test_what_cannot_be_used_is_listed_and_the_rest_goes_on(installed, loaded, reason):
    installed.append(point("dummy", loaded))

    registry = Registry.discover(allowed={"acme-weld"})

    assert "fraud" in registry
    assert [broken.name for broken in registry.broken] == ["dummy"]
    assert reason in registry.broken[0].reason
    assert registry.broken[0].source == "package acme-weld"


def test_no_package_takes_the_place_of_our_own(installed):
    installed.append(point("fraud", variant(slug="fraud")))

    registry = Registry.discover(allowed={"acme-weld"})

    assert not isinstance(registry["fraud"], Weld)
    assert "taken" in registry.broken[0].reason


def test_an_unknown_slug_is_answered_with_what_there_is(installed):
    installed.append(point("dummy", RuntimeError("boom")))
    registry = Registry.discover(allowed={"acme-weld"})

    with pytest.raises(ConfigError, match=r"one of .*fraud"):
        registry["froud"]
    with pytest.raises(ConfigError, match="boom"):
        registry["dummy"]


def test_a_registry_cannot_be_changed():
    registry = Registry.discover()

    with pytest.raises(TypeError):
        registry.solutions["fraud"] = Weld()
    with pytest.raises(FrozenInstanceError):
        registry.solutions = {}


def test_discovery_imports_nothing_heavy():
    script = (
        "import sys; from solutions.registry import Registry; Registry.discover();"
        "print([name for name in ('torch', 'numba', 'onnxruntime', 'xgboost', 'sklearn', 'django')"
        " if name in sys.modules])"
    )

    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
