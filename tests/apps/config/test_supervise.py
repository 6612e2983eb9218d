"""The process in the foreground: one for each folder."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "supervise.py"


def test_a_second_start_on_the_same_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    hold_home = runpy.run_path(str(SCRIPT))["hold_home"]

    with hold_home(), pytest.raises(SystemExit, match="must run once"):
        hold_home()

    hold_home().close()
