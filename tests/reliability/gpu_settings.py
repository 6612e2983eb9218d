"""The product's own settings, with a solution that wants a GPU."""

from apps.config.settings import *  # noqa: F403

ASSAY_EXTRA_SOLUTIONS = ["tests.gpu_solution"]
