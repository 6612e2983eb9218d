"""Choices of a training, and of each use."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from solutions.api import Options
from solutions.learning import TogetherOptions, with_default
from solutions.privacy import FOLDED, ask_clip, ask_delta, ask_epsilon, ask_private


class VqaOptions(TogetherOptions):
    """How to learn; the defaults suit some thousand drawn scenes."""

    epochs: int = Field(
        30, ge=1, le=500, title="Epochs", description="How often each picture is seen."
    )
    minutes: float = Field(
        10.0,
        gt=0,
        le=1440,
        title="Minutes at most",
        description="Learning ends after so many minutes, whatever the epoch.",
    )
    image_size: Literal[64, 96, 128] = Field(
        64, title="Side of the picture (px)", description="Pictures are made square of this side."
    )
    picture_encoder: Literal["own", "efficientnet_lite0"] = Field(
        "own",
        title="What sees",
        description=(
            "own: a small network learnt from your pictures alone, best for drawings. "
            "efficientnet_lite0: frozen layers that learnt from ImageNet, for few photographs."
        ),
    )
    text_encoder: Literal["own", "minilm"] = Field(
        "own",
        title="What reads",
        description=(
            "own: the words of your questions alone. minilm: a frozen text network that knows "
            "English words it has not met here; it needs the extra vqa, and 91 MB in each model."
        ),
    )
    width: int = Field(
        64,
        ge=16,
        le=256,
        multiple_of=16,
        title="Width",
        description="Length of the vectors for words and parts of the picture.",
        json_schema_extra={"advanced": True},
    )
    steps: int = Field(
        2,
        ge=1,
        le=4,
        title="Looks",
        description="How often the words look at the picture.",
        json_schema_extra={"advanced": True},
    )
    among: bool = Field(
        default=False,
        title="Words look at each other",
        description=(
            "Before each look at the picture, so that a word may hear what others have found. "
            "Costs a third more time."
        ),
        json_schema_extra={"advanced": True},
    )
    lr: float = Field(
        2e-3,
        gt=0,
        le=0.1,
        title="Learning rate",
        description="Size of a step of AdamW.",
        json_schema_extra={"advanced": True},
    )
    pictures_per_step: int = Field(
        32,
        ge=1,
        le=512,
        title="Pictures a step",
        description="All questions of so many pictures are learnt from at once.",
        json_schema_extra={"advanced": True},
    )
    valid_share: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        title="Share to choose with",
        description="Pictures on which the epoch and the calibration are chosen.",
        json_schema_extra={"advanced": True},
    )
    test_share: float = Field(
        0.1, gt=0, lt=0.5, title="Share to report on",
        description="Pictures that are only measured on.", json_schema_extra={"advanced": True},
    )  # fmt: skip
    ema_decay: float = with_default("ema_decay", 0.99)
    private: bool = ask_private("picture and its questions", FOLDED)
    epsilon: float = ask_epsilon(FOLDED)
    delta: float = ask_delta(FOLDED)
    clip: float = ask_clip(FOLDED)


class AnswerSettings(Options):
    """What may be said with each question."""

    abstain_below: float = Field(
        0.5, ge=0, le=1, title="I cannot tell below",
        description="Below this confidence the answer is: I cannot tell.",
    )  # fmt: skip
