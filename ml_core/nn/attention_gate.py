"""Gates that guide a feature pyramid: which channels count, and where to look.

    y = x * 2 s(W2 relu(W1 mean(x))) * 2 s(K * [mean_c(x); max_c(x)])

with s the logistic function, the first factor one number for each channel, the second one for each
place. W2 and K begin at zero, so both factors begin at 1 and the gate begins as identity: a
network with gates starts as the one without.
Source: Woo et al., "CBAM" (ECCV 2018), equations 2 and 3; Hu et al., "Squeeze-and-excitation" (CVPR
2018), equation 3. We depart from both by the factor 2 and the zero start, and from CBAM by a mean
alone for the channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttentionGate(nn.Module):
    """A channel gate, then a spatial gate. Shapes: (n, c, h, w) -> (n, c, h, w)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        inner = max(8, channels // reduction)
        self.squeeze, self.excite = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)
        self.where = nn.Conv2d(2, 1, 7, padding=3)
        for layer in (self.excite, self.where):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, x: Tensor) -> Tensor:
        """Weigh channels, then places."""
        what = self.excite(torch.relu(self.squeeze(x.mean(dim=(2, 3), keepdim=True))))
        x = x * (2 * what.sigmoid())
        seen = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        gated: Tensor = x * (2 * self.where(seen).sigmoid())
        return gated
