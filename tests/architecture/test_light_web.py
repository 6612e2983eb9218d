"""The web process starts fast and stays small: it never imports what learns."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ["torch", "torch_geometric", "onnxruntime", "numba", "xgboost", "ultralytics", "onnx"]
PROGRAM = f"""
import sys
import apps.config.asgi
from django.urls import URLResolver, get_resolver
from django.utils.module_loading import autodiscover_modules

def walk(resolver):
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            walk(pattern)

walk(get_resolver())
autodiscover_modules("jobs")  # cancelling a job asks its app's handler
from apps.catalog.services import registry
registry()
print(",".join(name for name in {HEAVY} if name in sys.modules))
"""


def test_it_imports_nothing_heavy():
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}

    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == ""
