"""Django's admin is off, unless somebody asks for it."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import django
django.setup()
from django.urls import resolve
print(resolve("/admin/").app_names)
"""


@pytest.mark.parametrize(("choice", "is_open"), [({}, False), ({"ASSAY_DJANGO_ADMIN": "1"}, True)])
def test_it_opens_only_when_told_to(choice, is_open):
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | choice

    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ("Resolver404" in done.stderr) is not is_open
    assert ("['admin']" in done.stdout) is is_open
