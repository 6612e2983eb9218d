"""Choices for a training of the fraud model: how to cut, how to learn, what an alert costs."""

from __future__ import annotations

from pydantic import Field

from solutions.learning import ADVANCED, TogetherOptions, with_default
from solutions.privacy import ask_clip, ask_delta, ask_epsilon, ask_private

SECOND = 1_000_000  # times are whole microseconds
DAY = 86_400 * SECOND


class FraudOptions(TogetherOptions):
    """Every choice of a training; the defaults suit some months of card payments."""

    label_delay_days: float = Field(
        7.0,
        ge=0.0,
        le=180.0,
        title="Label delay (days)",
        description="Days until it is known whether a payment was a fraud. No younger label is "
        "ever used, neither to learn nor as a hint for another payment.",
    )
    train_days: int = Field(
        0,
        ge=0,
        le=3650,
        title="Days to learn from",
        description="Learn from the last so many days of the training part; 0 takes all history.",
    )
    valid_days: float = Field(
        7.0,
        ge=0.5,
        le=90.0,
        title="Days to choose with",
        description="Days on which the epoch, the calibration and the threshold are chosen; "
        "shortened when the file is short.",
    )
    test_days: float = Field(
        7.0,
        ge=0.5,
        le=90.0,
        title="Days to report on",
        description="Last days of the file, kept away from training, for the published figures; "
        "shortened when the file is short.",
    )
    alerts_per_day: int = Field(
        100,
        ge=1,
        le=1_000_000,
        title="Alerts a day",
        description="How many payments a day people can look at; the threshold keeps to it.",
    )
    review_cost: float = Field(
        10.0,
        ge=0.0,
        le=10_000.0,
        title="Cost of an alert",
        description="What looking at one alert costs, in the currency of the file; used for the "
        "curve of money saved.",
    )
    recovered_share: float = Field(
        1.0,
        ge=0.0,
        le=1.0,
        title="Share saved",
        description="Share of a fraud's amount that is saved when it is found in time.",
        json_schema_extra=ADVANCED,
    )
    epochs: int = Field(
        6,
        ge=1,
        le=200,
        title="Epochs",
        description="Passes of the network over its examples.",
        json_schema_extra=ADVANCED,
    )
    hidden: int = Field(
        48,
        ge=8,
        le=512,
        title="Width",
        description="Width of the network's hidden layers.",
        json_schema_extra=ADVANCED,
    )
    neighbours: int = Field(
        16,
        ge=2,
        le=64,
        title="Neighbours",
        description="How many earlier payments of the card, and known ones of the terminal, the "
        "network reads for each payment.",
        json_schema_extra=ADVANCED,
    )
    learning_rate: float = Field(
        0.003,
        gt=0.0,
        le=0.1,
        title="Learning rate",
        description="Largest step of AdamW.",
        json_schema_extra=ADVANCED,
    )
    batch_size: int = Field(
        1024,
        ge=16,
        le=65_536,
        title="Batch",
        description="Payments for each step of learning.",
        json_schema_extra=ADVANCED,
    )
    easy_share: float = Field(
        0.15,
        gt=0.0,
        le=1.0,
        title="Share of easy payments kept",
        description="Genuine payments that nothing speaks against are thinned out to this share "
        "and weighted up in return; frauds and hard genuine ones are all kept.",
        json_schema_extra=ADVANCED,
    )
    max_minutes: float = Field(
        10.0,
        gt=0.0,
        le=1440.0,
        title="Time limit (minutes)",
        description="The network stops after the epoch in which this time is used up.",
        json_schema_extra=ADVANCED,
    )
    ema_decay: float = with_default("ema_decay", 0.995)
    private: bool = ask_private("payment")
    epsilon: float = ask_epsilon()
    delta: float = ask_delta()
    clip: float = ask_clip()

    @property
    def label_delay(self) -> int:
        """The label delay in microseconds."""
        return round(self.label_delay_days * DAY)
