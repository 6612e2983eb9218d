"""Make the demo: `python -m tests.picture_solution.demo.make`."""

from __future__ import annotations

from pathlib import Path

from tests.apps.pictures import squares_zip

if __name__ == "__main__":
    Path(__file__).with_name("squares.zip").write_bytes(squares_zip(12))
