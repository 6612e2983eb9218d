"""The form of making a model smaller, with the steps that its solution has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.experiments.forms import PREFIX, OptionsForm
from solutions.compression import STEPS, CompressOptions

if TYPE_CHECKING:
    from collections.abc import Collection


class CompressForm(OptionsForm):
    """Which steps, how much may be lost, and how long to learn; the seed is the training's."""

    def __init__(self, offered: Collection[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(CompressOptions, *args, **kwargs)
        del self.fields["seed"]
        self.advanced = set()
        for step in STEPS:
            if step not in offered:
                del self.fields[PREFIX + step]
                del self.option_names[PREFIX + step]
