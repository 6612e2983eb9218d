"""What the feature store keeps for payments: the windows that training and scoring read, too.

`features.py` takes its windows from here, so the store and the model speak of the same ones. A
window that never ends stays with the model alone: nothing could keep its rows at hand.
"""

from __future__ import annotations

from ml_core.features.view import DAY, HOUR, Aggregation, FeatureView

LABEL_DELAY = 7 * DAY  # the default of the options
ACTIVITY = Aggregation(
    "amount", "amount", (HOUR, DAY, 7 * DAY, 28 * DAY), ("count", "sum", "mean", "max")
)
CARD_RECORD = Aggregation(
    "fraud", "is_fraud", (7 * DAY, 28 * DAY), ("count", "sum"), delay=LABEL_DELAY
)
TERMINAL_RECORD = Aggregation(
    "fraud",
    "is_fraud",
    (DAY, 3 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 90 * DAY),
    ("count", "sum"),
    delay=LABEL_DELAY,
)
_KNOWN = (
    "How many payments have a known label, and how many of them were frauds, in windows that end "
    "7 days before: no label is known earlier."
)

VIEWS = (
    FeatureView(
        "card_activity",
        "What a card pays",
        "Number and amount of the card's earlier payments. No label is needed.",
        "fraud",
        "card_id",
        (ACTIVITY,),
        key="transaction_id",
    ),
    FeatureView(
        "terminal_activity",
        "What a terminal is paid",
        "Number and amount of earlier payments at the terminal, by all cards. No label is needed.",
        "fraud",
        "terminal_id",
        (ACTIVITY,),
        key="transaction_id",
    ),
    FeatureView(
        "card_record",
        "Known frauds of a card",
        _KNOWN,
        "fraud",
        "card_id",
        (CARD_RECORD,),
        key="transaction_id",
    ),
    FeatureView(
        "terminal_record",
        "Known frauds at a terminal",
        _KNOWN,
        "fraud",
        "terminal_id",
        (TERMINAL_RECORD,),
        key="transaction_id",
    ),
)
