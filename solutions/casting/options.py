"""Choices of a training, and limits for each use."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from solutions.api import Options
from solutions.casting.limits import read_limits
from solutions.learning import TogetherOptions, with_default


class CastingOptions(TogetherOptions):
    """How to learn; the defaults suit some hundred pictures on two cores."""

    network: Literal["agfpn", "stock"] = Field(
        "agfpn",
        title="Network",
        description="agfpn: gates of attention guide the feature pyramid; stock: the same without.",
    )
    start_weights: Literal["efficientnet_lite0", "none"] = Field(
        "efficientnet_lite0",
        title="Start from",
        description="efficientnet_lite0: a backbone that has learnt from ImageNet, best on little "
        "data; none: the backbone of YOLO11n from random weights.",
    )
    image_size: int = Field(
        0,
        ge=0,
        le=1280,
        multiple_of=32,
        title="Side of the picture (px)",
        description="Pictures are scaled to fit a square of this side. 0: as large as the pictures "
        "are, from 128 to 320.",
    )
    epochs: int = Field(
        0,
        ge=0,
        le=1000,
        title="Epochs",
        description="How often each is seen. 0: 20 times, and more where pictures are few.",
    )
    minutes: float = Field(
        20.0,
        gt=0,
        le=1440,
        title="Minutes at most",
        description="Learning ends after so many minutes, whatever the epoch.",
    )
    int8: bool = Field(
        default=False,
        title="Quantise to INT8",
        description="Also write a file of 8-bit weights, measured beside the full one.",
    )
    group_pattern: str = Field(
        "",
        max_length=200,
        title="Series in the file name",
        description="A regular expression whose first group names the part or series, such as "
        "([^/_]+)_; pictures of one are never split. Empty: by the column, else by picture.",
        json_schema_extra={"advanced": True},
    )
    batch: int = Field(
        8,
        ge=1,
        le=128,
        title="Pictures a step",
        description="Learnt from at once.",
        json_schema_extra={"advanced": True},
    )
    lr: float = Field(
        1e-3,
        gt=0,
        le=0.1,
        title="Learning rate",
        description="Size of a step of AdamW.",
        json_schema_extra={"advanced": True},
    )
    valid_share: float = Field(
        0.15,
        gt=0,
        lt=0.5,
        title="Share to choose with",
        description="Pictures on which the epoch is chosen.",
        json_schema_extra={"advanced": True},
    )
    test_share: float = Field(
        0.15, gt=0, lt=0.5, title="Share to report on",
        description="Pictures that are only measured on.", json_schema_extra={"advanced": True},
    )  # fmt: skip
    clip_norm: float = with_default("clip_norm", 10.0)
    ema_decay: float = with_default("ema_decay", 0.998)


class CastingSettings(Options):
    """When a part fails; sizes are in millimetres where the scale is given, else in pixels."""

    fail_from: float = Field(
        0.5,
        ge=0.05,
        le=1,
        title="Fail from confidence",
        description="A defect this sure fails the part.",
    )
    review_from: float = Field(
        0.25,
        ge=0.05,
        le=1,
        title="Review from confidence",
        description="A defect this sure, but less, sends the part to a person.",
    )
    mm_per_pixel: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Millimetres per pixel",
        description="0: not known.",
    )
    limits: str = Field(
        "", max_length=2000, title="Limits by class",
        description="One a line or ;-separated, such as: crack: confidence 0.3; porosity: size "
        "0.5, count 3. Size is the longer side that is still allowed, count how many.",
    )  # fmt: skip

    @field_validator("limits")
    @classmethod
    def _readable(cls, text: str) -> str:
        read_limits(text)
        return text
