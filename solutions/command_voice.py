"""What the commands say: figures, faults, and how it ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_core.errors import DataError
    from solutions.registry import AnySolution

CORRECT, FAILED, WRONG, STOPPED = 0, 1, 2, 130


def print_figures(solution: AnySolution, figures: Any) -> None:
    """Print figures as the solution titles them."""
    formats = {metric.name: (metric.title, metric.format) for metric in solution.metrics}
    for name, value in figures.items():
        title, style = formats.get(name, (name, ".4g"))
        print(f"{title:<40}{value:{style}}")


def tell_issues(error: DataError) -> None:
    """Say what is wrong with data, the first faults in full."""
    for issue in error.issues[:20]:
        say(f"{issue.severity}: {issue.message}")
    if len(error.issues) > 20:
        say(f"... and {len(error.issues) - 20:,} more.")


def say(message: str) -> None:
    """Say a sentence beside the output."""
    print(message, file=sys.stderr)
