"""The product's own settings, with the solution that learns in milliseconds beside the others."""

from apps.config.settings import *  # noqa: F403

ASSAY_EXTRA_SOLUTIONS = ["tests.apps.tiny_solution"]
