"""An attention-guided feature pyramid (AG-FPN): paths down and up, with a gate at each meeting.

    p4 = f(g([up(c5), c4])),  p3 = f(g([up(p4), c3])),  n4 = f(g([down(p3), p4])),
    n5 = f(g([down(n4), c5]))

f is a C3k2 block of Ultralytics, g an `AttentionGate`, or nothing in the stock form, so the two can
be compared with all else the same.
Source: Liu et al., "Path aggregation network" (CVPR 2018), section 3.1; the gates at the meetings
follow the idea of Hu et al., "A2-FPN" (CVPR 2021), in the light form of `attention_gate.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from ultralytics.nn import modules

from ml_core.nn.attention_gate import AttentionGate

if TYPE_CHECKING:
    from collections.abc import Sequence


class GuidedPyramid(nn.Module):
    """Shapes: (n, c_i, s / 2^i, s / 2^i) for i = 3, 4, 5 -> the same sizes, `widths` channels."""

    def __init__(
        self, channels: Sequence[int], widths: Sequence[int] = (48, 96, 160), *, gated: bool = True
    ) -> None:
        super().__init__()
        c3, c4, c5 = channels
        w3, w4, w5 = widths
        self.enter = modules.Conv(c5, w5, 1)
        self.down4, self.down3 = _meeting(w5 + c4, w4, gated), _meeting(w4 + c3, w3, gated)
        self.step4, self.step5 = modules.Conv(w3, w3, 3, 2), modules.Conv(w4, w4, 3, 2)
        self.up4, self.up5 = _meeting(w3 + w4, w4, gated), _meeting(w4 + w5, w5, gated)
        self.widths = tuple(widths)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Go down, then up."""
        c3, c4, c5 = maps
        top = self.enter(c5)
        p4 = self.down4(torch.cat([_twice(top), c4], dim=1))
        p3 = self.down3(torch.cat([_twice(p4), c3], dim=1))
        n4 = self.up4(torch.cat([self.step4(p3), p4], dim=1))
        return [p3, n4, self.up5(torch.cat([self.step5(n4), top], dim=1))]


def _meeting(channels: int, width: int, gated: bool) -> nn.Module:  # noqa: FBT001
    block = modules.C3k2(channels, width, 1)
    return nn.Sequential(AttentionGate(channels), block) if gated else nn.Sequential(block)


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
