"""The detector: a backbone, a feature pyramid with or without gates, and Ultralytics' head."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

# Before the first import of the package: no look-ups, no reports.
os.environ.setdefault("YOLO_OFFLINE", "true")

from ultralytics.nn.modules import Detect
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.torch_utils import initialize_weights

from ml_core.nn.efficientnet_lite import EfficientNetLite0
from ml_core.nn.guided_pyramid import GuidedPyramid
from solutions.casting.decoding import REG_MAX, STRIDES

if TYPE_CHECKING:
    from solutions.casting.options import CastingOptions


class Yolo11Backbone(nn.Module):
    """The backbone of YOLO11n, from random weights.

    Shapes: (n, 3, s, s) -> 128, 128, 256 channels.
    """

    channels = (128, 128, 256)
    _ends = (4, 6, 10)

    def __init__(self) -> None:
        super().__init__()
        whole: Any = DetectionModel("yolo11n.yaml", nc=1, verbose=False).model
        self.layers = whole[: self._ends[-1] + 1]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of strides 8, 16 and 32."""
        maps = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self._ends:
                maps.append(x)
        return maps


class Detector(nn.Module):
    """Shapes: pictures (n, 3, s, s) in 0..1 -> boxes (n, 64, a), scores (n, classes, a).

    Boxes are distributions over 16 distances to each side in strides (Li et al., "Generalized focal
    loss", NeurIPS 2020), scores are log-odds; a counts the places of strides 8, 16 and 32.
    """

    def __init__(self, n_classes: int, options: CastingOptions) -> None:
        super().__init__()
        lite = options.start_weights == "efficientnet_lite0"
        self.backbone: Any = EfficientNetLite0(pretrained=True) if lite else Yolo11Backbone()
        self.pyramid = GuidedPyramid(self.backbone.channels, gated=options.network == "agfpn")
        self.head = Detect(n_classes, REG_MAX, ch=self.pyramid.widths)
        self.head.stride = torch.tensor([float(s) for s in STRIDES])
        self.head.bias_init()
        for part in (self.pyramid, self.head):
            initialize_weights(part)  # norms that suit small batches

    def raw(self, pictures: Tensor) -> dict[str, Any]:
        """Return what the loss wants."""
        maps = self.pyramid(self.backbone(pictures))
        told: dict[str, Any] = self.head.forward_head(maps, **self.head.one2many)
        return told

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return what decoding wants."""
        told = self.raw(pictures)
        return told["boxes"], told["scores"]


def loss_of(network: Detector, told: dict[str, Any], batch: dict[str, Tensor]) -> Tensor:
    """Return Ultralytics' loss, with its usual weights, of what our network told of a batch.

    A mean over pictures. It is computed where the answers lie, which may be another device than
    that of `network`: a copy of it may be learning.
    """
    seen: Any = SimpleNamespace(
        args=SimpleNamespace(box=7.5, cls=0.5, dfl=1.5), model=[network.head],
        parameters=lambda: iter([told["scores"]]),
    )  # fmt: skip
    loss: Tensor = v8DetectionLoss(seen)(told, batch)[0].sum()
    return loss / len(batch["pictures"])


def freeze(network: Detector) -> None:
    """Keep the first layers of a backbone that has learnt from ImageNet as they are."""
    if isinstance(network.backbone, EfficientNetLite0):
        for part in (network.backbone.stem, network.backbone.blocks[0]):
            part.requires_grad_(requires_grad=False)
